#include "store/deflate_lengths.h"

#include <stdbool.h>

#include "store/huffman.h"

#define CODE_MAX 7

/* Codes for runs: of the length before, of few and of many zeros. */
#define REPEAT	   16
#define ZEROS	   17
#define MANY_ZEROS 18

static const uint8_t order[DEFLATE_LENGTHS_CODES] = {
	16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
};

static unsigned extra_bits(unsigned code)
{
	return code == REPEAT	    ? 2
	       : code == ZEROS	    ? 3
	       : code == MANY_ZEROS ? 7
				    : 0;
}

static void add(struct deflate_lengths *l, unsigned code, size_t extra)
{
	l->codes[l->n] = (uint8_t)code;
	l->extra[l->n] = (uint8_t)extra;
	l->n++;
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

/* Returns how many of the `n` equal lengths it tells. */
static size_t add_some(struct deflate_lengths *l, uint8_t length, size_t n,
		       bool again)
{
	if (length == 0 && n >= 11) {
		n = at_most(n, 138);
		add(l, MANY_ZEROS, n - 11);
	} else if (length == 0 && n >= 3) {
		add(l, ZEROS, n - 3);
	} else if (again && n >= 3) {
		n = at_most(n, 6);
		add(l, REPEAT, n - 3);
	} else {
		n = 1;
		add(l, length, 0);
	}
	return n;
}

static void find_runs(const uint8_t *lengths, size_t n,
		      struct deflate_lengths *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < n;) {
		size_t same = 1;

		while (i + same < n && lengths[i + same] == lengths[i])
			same++;
		i += add_some(ret, lengths[i], same,
			      i > 0 && lengths[i] == lengths[i - 1]);
	}
}

static void make_code(struct deflate_lengths *l)
{
	uint32_t counts[DEFLATE_LENGTHS_CODES] = { 0 };

	for (size_t i = 0; i < l->n; i++)
		counts[l->codes[i]]++;
	/* Not all of 257 or more can be alike: two codes are in use at least.
	 */
	huffman_lengths(counts, DEFLATE_LENGTHS_CODES, CODE_MAX,
			l->code_lengths);
	l->n_told = DEFLATE_LENGTHS_CODES;
	while (l->n_told > 4 && !l->code_lengths[order[l->n_told - 1]])
		l->n_told--;
}

static unsigned without_zeros(const uint8_t *lengths, size_t n, unsigned min)
{
	while (n > min && !lengths[n - 1])
		n--;
	return (unsigned)n;
}

void deflate_lengths_plan(const uint8_t *codes, size_t n_codes,
			  const uint8_t *distances, size_t n_distances,
			  struct deflate_lengths *ret)
{
	uint8_t all[DEFLATE_LENGTHS_MAX];

	ret->n_codes = without_zeros(codes, n_codes, 257);
	ret->n_distances = without_zeros(distances, n_distances, 1);
	memcpy(all, codes, ret->n_codes);
	memcpy(all + ret->n_codes, distances, ret->n_distances);
	find_runs(all, ret->n_codes + ret->n_distances, ret);
	make_code(ret);
}

uint64_t deflate_lengths_bits(const struct deflate_lengths *l)
{
	uint64_t bits = 14 + 3 * l->n_told;

	for (size_t i = 0; i < l->n; i++)
		bits += l->code_lengths[l->codes[i]] + extra_bits(l->codes[i]);
	return bits;
}

void deflate_lengths_put(const struct deflate_lengths *l,
			 struct deflate_bits *bits)
{
	uint16_t codes[DEFLATE_LENGTHS_CODES];

	huffman_codes(l->code_lengths, DEFLATE_LENGTHS_CODES, codes);
	deflate_bits_add(bits, l->n_codes - 257, 5);
	deflate_bits_add(bits, l->n_distances - 1, 5);
	deflate_bits_add(bits, l->n_told - 4, 4);
	for (size_t i = 0; i < l->n_told; i++) {
		deflate_bits_flush(bits);
		deflate_bits_add(bits, l->code_lengths[order[i]], 3);
	}
	for (size_t i = 0; i < l->n; i++) {
		unsigned code = l->codes[i];

		deflate_bits_flush(bits);
		deflate_bits_add(bits, codes[code], l->code_lengths[code]);
		deflate_bits_add(bits, l->extra[i], extra_bits(code));
	}
	deflate_bits_flush(bits);
}
