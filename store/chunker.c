#include "store/chunker.h"

/* 19 and 15 bits around the 17 of the wanted size, high ones: those depend on
 * all of the last 64 bytes.
 */
#define MASK_BEFORE (~UINT64_C(0) << (64 - 19))
#define MASK_BEHIND (~UINT64_C(0) << (64 - 15))

/* splitmix64: 256 numbers of a fixed sequence. */
static uint64_t next_number(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void chunker_init(struct chunker *c)
{
	uint64_t state = 0;

	for (size_t i = 0; i < 256; i++)
		c->gear[i] = next_number(&state);
}

/* The first cut from `at` to `end`, or `end`. */
static size_t scan(const struct chunker *c, const unsigned char *data,
		   size_t at, size_t end, uint64_t mask, uint64_t *hash)
{
	uint64_t h = *hash;

	for (; at < end; at++) {
		h = (h << 1) + c->gear[data[at]];
		if (!(h & mask))
			break;
	}
	*hash = h;
	return at;
}

size_t chunker_cut(const struct chunker *c, const unsigned char *data,
		   size_t len)
{
	size_t end = len < CHUNK_MAX ? len : CHUNK_MAX;
	size_t wanted = end < CHUNK_WANTED ? end : CHUNK_WANTED;
	uint64_t hash = 0;
	size_t at;

	if (end <= CHUNK_MIN)
		return end;
	at = scan(c, data, CHUNK_MIN, wanted, MASK_BEFORE, &hash);
	if (at < wanted)
		return at + 1;
	at = scan(c, data, wanted, end, MASK_BEHIND, &hash);
	return at < end ? at + 1 : end;
}
