/* Deflate (RFC 1951) with stored and literal-only blocks, as gzip members. */
#include "store/gzip_plain.h"

#include "store/deflate_block.h"
#include "store/gzip_member.h"

#define CODED_MAX ((size_t)64 << 10)

size_t gzip_plain_bound(size_t len)
{
	return GZIP_MEMBER_SIZE +
	       len / CODED_MAX * deflate_block_bound(CODED_MAX) +
	       deflate_block_bound(len % CODED_MAX);
}

/* Four tables: the same byte twice in a row need not wait for itself. */
static void count_bytes(const uint8_t *data, size_t len, uint32_t *counts)
{
	uint32_t of[4][256] = { { 0 } };
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t eight;

		memcpy(&eight, data + i, 8);
		for (size_t j = 0; j < 8; j++, eight >>= 8)
			of[j % 4][eight & 0xff]++;
	}
	for (; i < len; i++)
		of[0][data[i]]++;
	for (i = 0; i < 256; i++)
		counts[i] = of[0][i] + of[1][i] + of[2][i] + of[3][i];
}

size_t gzip_store(const uint8_t *data, size_t len, uint8_t *out)
{
	struct deflate_bits b = { .out = gzip_member_begin(out) };

	deflate_block_put_stored(&b, data, len, true);
	return (size_t)(gzip_member_end(b.out, data, len) - out);
}

size_t gzip_huffman(const uint8_t *data, size_t len, uint8_t *out)
{
	struct deflate_bits b = { .out = gzip_member_begin(out) };
	size_t done = 0;

	do {
		size_t n = len - done < CODED_MAX ? len - done : CODED_MAX;
		struct deflate_block block = { .len = n };

		count_bytes(data + done, n, block.literals);
		deflate_block_put(&b, &block, data + done, done + n == len);
		done += n;
	} while (done < len);
	return (size_t)(gzip_member_end(b.out, data, len) - out);
}
