/* The zstd half of compress.h. */
#ifndef STORE_ZSTD_CODEC_H
#define STORE_ZSTD_CODEC_H

#include "store/stream.h"

/* `level` 0-22 or COMPRESSION_LEVEL_DEFAULT. See sink_compress(). */
int sink_zstd(int level, unsigned threads, struct sink *to, struct sink **ret,
	      struct error *err);

/* Bytes that such a sink takes at most. */
size_t sink_zstd_memory(unsigned threads);

/* Takes `inner`, also on failure. See stream_decompress(). */
int stream_unzstd(struct stream *inner, struct stream **ret, struct error *err);

#endif
