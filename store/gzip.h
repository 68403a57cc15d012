/* The gzip half of compress.h. */
#ifndef STORE_GZIP_H
#define STORE_GZIP_H

#include "store/stream.h"

/* `level` 0-9 or COMPRESSION_LEVEL_DEFAULT. See sink_compress(). */
int sink_gzip(int level, unsigned threads, struct sink *to, struct sink **ret,
	      struct error *err);

/* Bytes that such a sink takes at most. */
size_t sink_gzip_memory(unsigned threads);

/* Takes `inner`, also on failure. See stream_decompress(). */
int stream_gunzip(struct stream *inner, struct stream **ret, struct error *err);

#endif
