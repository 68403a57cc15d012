/*
 * How the codes of a block are told to the reader: as the lengths of them,
 * which are themselves coded (RFC 1951, 3.2.7).
 */
#ifndef STORE_DEFLATE_LENGTHS_H
#define STORE_DEFLATE_LENGTHS_H

#include <stddef.h>
#include <stdint.h>

#include "store/deflate_bits.h"

#define DEFLATE_LENGTHS_MAX   (286 + 30)
#define DEFLATE_LENGTHS_CODES 19

struct deflate_lengths {
	unsigned n_codes;
	unsigned n_distances;
	unsigned n_told; /* lengths of the code for lengths */
	uint8_t code_lengths[DEFLATE_LENGTHS_CODES];
	size_t n; /* lengths, or runs of them */
	uint8_t codes[DEFLATE_LENGTHS_MAX];
	uint8_t extra[DEFLATE_LENGTHS_MAX];
};

/* Both in full, 286 and 30 at most; lengths are up to 15. */
void deflate_lengths_plan(const uint8_t *codes, size_t n_codes,
			  const uint8_t *distances, size_t n_distances,
			  struct deflate_lengths *ret);

/* What it takes, and putting it behind the three bits of a block's type. */
uint64_t deflate_lengths_bits(const struct deflate_lengths *l);
void deflate_lengths_put(const struct deflate_lengths *l,
			 struct deflate_bits *bits);

#endif
