text up
archive out.tar -P --transform 's,up,../../up,' up
