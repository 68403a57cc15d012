/* Deflate (RFC 1951) with stored and literal-only blocks, as gzip members. */
#include "store/gzip_plain.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <string.h>

#include "store/huffman.h"

#define STORED_MAX ((size_t)65535)
#define CODED_MAX  ((size_t)64 << 10)

/* Codes no longer than this fit four at a time into the accumulator. */
#define CODE_MAX 12
#define END_CODE 256
#define N_CODES	 257

static const uint8_t gzip_head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff };

size_t gzip_plain_bound(size_t len)
{
	/* Coded blocks are stored where that is shorter. */
	return sizeof(gzip_head) + 8 + len +
	       (len / (CODED_MAX - 1) + 1) * (5 + 5);
}

static uint8_t *put_head(uint8_t *out)
{
	memcpy(out, gzip_head, sizeof(gzip_head));
	return out + sizeof(gzip_head);
}

static uint8_t *put_u32(uint8_t *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*out++ = (uint8_t)(v >> (8 * i));
	return out;
}

static uint8_t *put_tail(uint8_t *out, const uint8_t *data, size_t len)
{
	out = put_u32(out, libdeflate_crc32(0, data, len));
	return put_u32(out, (uint32_t)len);
}

/* ---- bits ---- */

struct bits {
	uint8_t *out;
	uint64_t acc; /* low `n` bits are still to be written */
	unsigned n;
};

static void add(struct bits *b, uint64_t value, unsigned n)
{
	b->acc |= value << b->n;
	b->n += n;
}

/* Write whole bytes; leaves less than 8 bits. */
static void flush(struct bits *b)
{
	uint64_t le = b->acc;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	le = __builtin_bswap64(le);
#endif
	memcpy(b->out, &le, sizeof(le));
	b->out += b->n / 8;
	b->acc >>= b->n & ~7u;
	b->n &= 7;
}

/* ---- blocks ---- */

static void put_stored(struct bits *b, const uint8_t *data, size_t len,
		       bool last)
{
	for (;;) {
		size_t n = len < STORED_MAX ? len : STORED_MAX;
		uint32_t size = (uint32_t)n;

		add(b, last && n == len, 3);
		flush(b);
		b->out += b->n > 0;
		b->acc = b->n = 0;
		b->out = put_u32(b->out, size | (~size & 0xffff) << 16);
		memcpy(b->out, data, n);
		b->out += n;
		data += n;
		len -= n;
		if (!len)
			return;
	}
}

struct code {
	uint8_t lengths[N_CODES];
	uint16_t codes[N_CODES];
};

/* Four tables: the same byte twice in a row need not wait for itself. */
static void count_bytes(const uint8_t *data, size_t len, uint32_t *counts)
{
	uint32_t of[4][256] = { { 0 } };
	size_t i = 0;

	for (; i + 4 <= len; i += 4)
		for (size_t j = 0; j < 4; j++)
			of[j][data[i + j]]++;
	for (; i < len; i++)
		of[0][data[i]]++;
	for (i = 0; i < 256; i++)
		counts[i] = of[0][i] + of[1][i] + of[2][i] + of[3][i];
}

#define HEADER_BITS (3 + 14 + 19 * 3 + (N_CODES + 2) * 4)

/* Returns the size of the block in bits. */
static uint64_t make_code(const uint8_t *data, size_t len, struct code *c)
{
	uint32_t counts[N_CODES];
	uint64_t size = HEADER_BITS;

	count_bytes(data, len, counts);
	counts[END_CODE] = 1;
	huffman_lengths(counts, N_CODES, CODE_MAX, c->lengths);
	huffman_codes(c->lengths, N_CODES, c->codes);
	for (size_t i = 0; i < N_CODES; i++)
		size += (uint64_t)counts[i] * c->lengths[i];
	return size;
}

static unsigned reversed4(unsigned v)
{
	return (v & 1) << 3 | (v & 2) << 1 | (v & 4) >> 1 | (v & 8) >> 3;
}

/*
 * The lengths are told in four bits each: all sixteen get a code of four bits,
 * those for runs none. Two distance codes of one bit, which nobody uses, are
 * what every reader takes.
 */
static void put_code(struct bits *b, const struct code *c, bool last)
{
	add(b, last, 1);
	add(b, 2, 2);
	add(b, N_CODES - 257, 5);
	add(b, 2 - 1, 5);
	add(b, 19 - 4, 4);
	flush(b);
	for (unsigned i = 0; i < 19; i++) {
		add(b, i < 3 ? 0 : 4, 3);
		flush(b);
	}
	for (size_t i = 0; i < N_CODES + 2; i++) {
		add(b, reversed4(i < N_CODES ? c->lengths[i] : 1), 4);
		flush(b);
	}
}

static void put_coded(struct bits *b, const struct code *c, const uint8_t *data,
		      size_t len)
{
	size_t i = 0;

	for (; i + 4 <= len; i += 4) {
		for (size_t j = 0; j < 4; j++)
			add(b, c->codes[data[i + j]], c->lengths[data[i + j]]);
		flush(b);
	}
	for (; i < len; i++)
		add(b, c->codes[data[i]], c->lengths[data[i]]);
	flush(b);
	add(b, c->codes[END_CODE], c->lengths[END_CODE]);
	flush(b);
}

/* ---- members ---- */

static size_t end_member(struct bits *b, const uint8_t *data, size_t len,
			 uint8_t *out)
{
	b->out += b->n > 0;
	return (size_t)(put_tail(b->out, data, len) - out);
}

size_t gzip_store(const uint8_t *data, size_t len, uint8_t *out)
{
	struct bits b = { .out = put_head(out) };

	put_stored(&b, data, len, true);
	return end_member(&b, data, len, out);
}

size_t gzip_huffman(const uint8_t *data, size_t len, uint8_t *out)
{
	struct bits b = { .out = put_head(out) };
	size_t done = 0;

	do {
		size_t n = len - done < CODED_MAX ? len - done : CODED_MAX;
		bool last = done + n == len;
		struct code c;

		if (n == 0 || make_code(data + done, n, &c) / 8 > n) {
			put_stored(&b, data + done, n, last);
		} else {
			put_code(&b, &c, last);
			put_coded(&b, &c, data + done, n);
		}
		done += n;
	} while (done < len);
	return end_member(&b, data, len, out);
}
