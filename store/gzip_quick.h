/*
 * Deflate that looks for repetitions in two places only, wherever it is. That
 * is half the work of a thorough compressor, for a few percent more bytes.
 */
#ifndef STORE_GZIP_QUICK_H
#define STORE_GZIP_QUICK_H

#include <stddef.h>
#include <stdint.h>

/* Some 150 KiB to work in, for one call at a time. */
struct gzip_quick;

/* NULL when there is no memory. free() takes NULL, too. */
struct gzip_quick *gzip_quick_new(void);
void gzip_quick_free(struct gzip_quick *q);

/* What `len` bytes can become at most, as one gzip member. */
size_t gzip_quick_bound(size_t len);

/*
 * One gzip member, which follows from `data` alone. `out` has room for
 * gzip_quick_bound(len); returns the size.
 */
size_t gzip_quick(struct gzip_quick *q, const uint8_t *data, size_t len,
		  uint8_t *out);

#endif
