truncate -s 300K holes
printf x | dd of=holes bs=1 seek=100000 conv=notrunc 2>/dev/null
