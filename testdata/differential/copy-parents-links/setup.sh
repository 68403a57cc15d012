rm arch.tar arch.tar.gz one.gz
ln -s a.txt tofile
