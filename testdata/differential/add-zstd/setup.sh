zstd -q arch.tar
