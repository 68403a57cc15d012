text tree/file
ln -s file tree/link
ln -s /etc/passwd tree/absolute
ln -s ../../.. tree/out
ln -s nowhere tree/dangling
mkdir tree/d
ln -s d tree/dirlink
