/* Bits in deflate's order, lowest first (RFC 1951, 3.1.1). */
#ifndef STORE_DEFLATE_BITS_H
#define STORE_DEFLATE_BITS_H

#include <stdint.h>
#include <string.h>

/* What deflate_bits_flush() may write beyond the last bit, in bytes. */
#define DEFLATE_BITS_SLACK 8

struct deflate_bits {
	uint8_t *out;
	uint64_t acc; /* low `n` bits are still to be written */
	unsigned n;
};

/* Up to 56 bits may be added between two flushes. */
static inline void deflate_bits_add(struct deflate_bits *b, uint64_t value,
				    unsigned n)
{
	b->acc |= value << b->n;
	b->n += n;
}

/* Write whole bytes; leaves less than 8 bits. */
static inline void deflate_bits_flush(struct deflate_bits *b)
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

/* Go on at the next whole byte. */
static inline void deflate_bits_align(struct deflate_bits *b)
{
	deflate_bits_flush(b);
	b->out += b->n > 0;
	b->acc = b->n = 0;
}

#endif
