/* Streams and sinks over memory, and random bytes, for the store's tests. */
#ifndef TESTS_UNIT_STORE_BYTES_H
#define TESTS_UNIT_STORE_BYTES_H

#include <stdint.h>

#include "store/base/buf.h"
#include "store/stream.h"

/* A small generator whose numbers are the same everywhere. */
uint32_t random_next(uint64_t *state);

/* `len` bytes: text-like, zeros and noise in turns. The caller frees. */
char *random_bytes(uint64_t seed, size_t len);

/* A sink that appends to `buf` (borrowed). */
struct sink *sink_to_buf(struct buf *buf);

/* Borrowed memory, handed out at most `step` bytes at a time. */
struct stream *stream_in_steps(const void *data, size_t len, size_t step);

/* Read to the end: 0, or -1 with `err`. */
int read_to_buf(struct stream *s, struct buf *buf, struct error *err);

#endif
