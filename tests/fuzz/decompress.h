/* What the fuzz targets of gzip and zstd share. */
#ifndef TESTS_FUZZ_DECOMPRESS_H
#define TESTS_FUZZ_DECOMPRESS_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/compress.h"

/* Enough to see bombs going; nobody waits for their end. */
#define OUTPUT_MAX ((uint64_t)8 << 20)

/* Hands out its bytes in small pieces, so that they are cut everywhere. */
struct piecewise {
	struct stream base;
	const uint8_t *data;
	size_t len;
	size_t step;
};

static ssize_t piecewise_read(struct stream *base, void *data, size_t len,
			      struct error *err)
{
	struct piecewise *p = (struct piecewise *)base;

	(void)err;
	if (len > p->step)
		len = p->step;
	if (len > p->len)
		len = p->len;
	if (len > 0)
		memcpy(data, p->data, len);
	p->data += len;
	p->len -= len;
	return (ssize_t)len;
}

static void piecewise_free(struct stream *base)
{
	free(base);
}

struct outcome {
	enum error_kind kind;
	uint64_t size;
	struct digest digest;
};

/* Decompress what arrives in pieces of `step` bytes, to the end or a limit. */
static struct outcome decompress(const uint8_t *data, size_t size, size_t step)
{
	static char out[65536];
	struct outcome ret = { 0 };
	struct error err = ERROR_INIT;
	struct piecewise *p = calloc(1, sizeof(*p));
	struct stream *s = NULL;
	ssize_t n = -1;

	assert(p);
	p->base.read = piecewise_read;
	p->base.free = piecewise_free;
	p->data = data;
	p->len = size;
	p->step = step;
	if (stream_decompress(&p->base, NULL, &s, &err) == 0 &&
	    stream_hash(s, &s, &err) == 0) {
		do {
			n = stream_read_full(s, out, sizeof(out), &err);
			ret.size += n > 0 ? (uint64_t)n : 0;
		} while (n > 0 && ret.size < OUTPUT_MAX);
		stream_hash_result(s, &ret.digest, NULL);
		stream_free(s);
	}
	assert(n >= 0 || err.kind != ERROR_NONE);
	ret.kind = err.kind;
	return ret;
}

/*
 * However the input is cut, the outcome is the same; and damage is told as
 * damage, never as a failed system call.
 */
static void check_decompression(const uint8_t *data, size_t size)
{
	struct outcome whole = decompress(data, size, size + 1);
	struct outcome bytes = decompress(data, size, 1);

	assert(whole.kind == bytes.kind);
	assert(whole.kind == ERROR_NONE || whole.kind == ERROR_INTEGRITY ||
	       whole.kind == ERROR_REFUSED);
	if (whole.kind == ERROR_NONE) {
		assert(whole.size == bytes.size);
		assert(digest_equal(&whole.digest, &bytes.digest));
	}
}

#endif
