/* What is compressed reads back, whatever it is taken for. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/compress.h"
#include "store/gzip_plain.h"
#include "store/gzip_quick.h"
#include "store/nature.h"

#define TIMES 3 /* long enough to be judged, with repetitions */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reads_back(const uint8_t *packed, size_t packed_len,
			     const uint8_t *data, size_t len)
{
	struct error err = ERROR_INIT;
	struct stream *memory = NULL, *s = NULL;
	uint8_t *plain = malloc(len + 1);
	int status;

	assert(plain);
	status = stream_from_memory(packed, packed_len, &memory, &err);
	assert(status == 0);
	status = stream_decompress(memory, NULL, &s, &err);
	assert(status == 0);
	assert(stream_read_full(s, plain, len + 1, &err) == (ssize_t)len);
	assert(len == 0 || memcmp(plain, data, len) == 0);
	stream_free(s);
	free(plain);
}

static void check_quick(const uint8_t *data, size_t len)
{
	size_t room = gzip_quick_bound(len), n;
	uint8_t *out = malloc(room);
	struct gzip_quick *q = gzip_quick_new();

	assert(out && q);
	n = gzip_quick(q, data, len, out);
	assert(n <= room);
	check_reads_back(out, n, data, len);
	gzip_quick_free(q);
	free(out);
}

static void check(const uint8_t *data, size_t len)
{
	size_t room = gzip_plain_bound(len), n;
	uint8_t *out = malloc(room);

	assert(out);
	assert(nature_of(data, len) <= NATURE_REPEATS);
	n = gzip_store(data, len, out);
	assert(n <= room);
	check_reads_back(out, n, data, len);
	n = gzip_huffman(data, len, out);
	assert(n <= room);
	check_reads_back(out, n, data, len);
	free(out);
	check_quick(data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *more = malloc(size * TIMES + 1);

	assert(more);
	for (size_t i = 0; i < TIMES; i++)
		if (size > 0)
			memcpy(more + i * size, data, size);
	check(data, size);
	check(more, size * TIMES);
	free(more);
	return 0;
}
