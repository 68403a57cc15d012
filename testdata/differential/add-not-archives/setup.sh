: >empty
dd if=/dev/zero of=empty.tar bs=1024 count=10 2>/dev/null
text fake.tar
