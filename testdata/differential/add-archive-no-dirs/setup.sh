text t/p/q/file
archive part.tar -C t p/q/file
rm -r t
