/*
 * Deflate without looking for repetitions: for data in which there are none,
 * several times faster than a compressor that has to find that out.
 */
#ifndef STORE_GZIP_PLAIN_H
#define STORE_GZIP_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/* What `len` bytes can become at most, as one gzip member. */
size_t gzip_plain_bound(size_t len);

/*
 * One gzip member with `data` stored, or with each 64 KiB of it coded by how
 * often bytes occur. `out` has room for gzip_plain_bound(len); returns the
 * size.
 */
size_t gzip_store(const uint8_t *data, size_t len, uint8_t *out);
size_t gzip_huffman(const uint8_t *data, size_t len, uint8_t *out);

#endif
