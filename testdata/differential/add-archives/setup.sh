bzip2 -k arch.tar
xz -k arch.tar
cp arch.tar named.txt
