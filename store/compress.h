/*
 * Compression of layers. The same input gives the same bytes for any number
 * of threads and on any processor.
 */
#ifndef STORE_COMPRESS_H
#define STORE_COMPRESS_H

#include "store/stream.h"

enum compression_kind {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD,
};

#define COMPRESSION_LEVEL_DEFAULT (-1)

struct compression {
	enum compression_kind kind;
	int level; /* gzip 0-9, zstd 0-22 */
};

/* "gzip", "zstd", "uncompressed". */
const char *compression_name(enum compression_kind kind);
int compression_parse(const char *name, enum compression_kind *ret,
		      struct error *err);

/*
 * Compress what is written into `to` (borrowed) with `threads` threads.
 * finish ends the compressed stream but does not finish `to`.
 */
int sink_compress(struct compression how, unsigned threads, struct sink *to,
		  struct sink **ret, struct error *err);

/* Bytes that such a sink takes at most, at usual levels. */
size_t compression_memory(enum compression_kind kind, unsigned threads);

/* What the first bytes (4 are enough) say; NONE: something else. */
enum compression_kind compression_of_magic(const void *data, size_t len);

/*
 * Decompress gzip (several members allowed) or zstd (several and skippable
 * frames, window bounded), told by the first bytes; anything else passes
 * through. `*kind` (may be NULL) says which. Takes `inner` (also on failure).
 * Trailing garbage and truncation are ERROR_INTEGRITY.
 */
int stream_decompress(struct stream *inner, enum compression_kind *kind,
		      struct stream **ret, struct error *err);

#endif
