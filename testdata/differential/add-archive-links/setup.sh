text t/file
ln t/file t/hard
ln -s file t/soft
ln -s /etc/passwd t/absolute
mkdir -m 1777 t/sticky
mkfifo t/fifo
archive links.tar -C t .
rm -r t
