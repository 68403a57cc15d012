/*
 * Writing a block of deflate (RFC 1951, 3.2) for which somebody else found the
 * repetitions.
 */
#ifndef STORE_DEFLATE_BLOCK_H
#define STORE_DEFLATE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/deflate_bits.h"

#define DEFLATE_LEN_MAX	     258
#define DEFLATE_DISTANCE_MAX 32768
#define DEFLATE_N_DISTANCES  30

/* Some bytes as they are, then a repetition. */
struct deflate_match {
	uint32_t literals;
	uint16_t len; /* 3 to 258 */
	uint16_t distance_less1;
};

/* What a block holds, and how often. What follows the matches are literals. */
struct deflate_block {
	const struct deflate_match *matches;
	size_t n_matches;
	size_t len; /* bytes that it stands for; less than 4 GiB */
	uint32_t literals[256];
	uint32_t lengths[DEFLATE_LEN_MAX + 1];
	uint32_t distances[DEFLATE_N_DISTANCES]; /* by code */
};

/*
 * The code of a distance less 1, and how many of its low bits follow: two codes
 * for each power of two.
 */
static inline unsigned deflate_distance_code(unsigned less1,
					     unsigned *extra_bits)
{
	unsigned top = 31 - (unsigned)__builtin_clz(less1 | 2);

	*extra_bits = top - 1;
	return 2 * top + (less1 >> (top - 1) & 1) - (less1 < 2 ? 2 : 0);
}

/* Count a repetition in the block. */
static inline void deflate_block_count(struct deflate_block *b, unsigned len,
				       unsigned distance_less1)
{
	unsigned extra_bits;

	b->lengths[len]++;
	b->distances[deflate_distance_code(distance_less1, &extra_bits)]++;
}

/* What a block of `len` bytes becomes at most, slack included. */
size_t deflate_block_bound(size_t len);

/*
 * Write the block, which stands for `data`, in codes made for it, or stored
 * where that is shorter. `last`: the stream ends with it, on a whole byte.
 */
void deflate_block_put(struct deflate_bits *bits, const struct deflate_block *b,
		       const uint8_t *data, bool last);

/* The same with `data` as it is. */
void deflate_block_put_stored(struct deflate_bits *bits, const uint8_t *data,
			      size_t len, bool last);

#endif
