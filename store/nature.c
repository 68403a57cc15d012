/* What a stretch of data is like, told from samples. */
#include <stdbool.h>
#include <string.h>

#include "store/base/bytes.h"
#include "store/nature.h"

#define LEN_MIN ((size_t)4 << 10)

/* Bytes counted: this many in a row out of each STEP. */
#define COUNT_RUN  ((size_t)64)
#define COUNT_STEP ((size_t)1 << 10)

/*
 * Repetitions: every eighth place is remembered, and whether one comes again is
 * looked up for LOOK_RUN places in a row out of each LOOK_STEP.
 */
#define HASH_BITS  12
#define PLACE_STEP ((size_t)8)
#define LOOK_STEP  ((size_t)4 << 10)
#define LOOK_RUN   ((size_t)128)
#define REPEAT_LEN 6

struct counts {
	uint32_t of[256];
	uint64_t total;
};

static void count(const uint8_t *data, size_t len, struct counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i + COUNT_RUN <= len; i += COUNT_STEP) {
		for (size_t j = 0; j < COUNT_RUN; j++)
			ret->of[data[i + j]]++;
		ret->total += COUNT_RUN;
	}
}

/* How often two samples are equal, in pairs of all samples with all. */
static uint64_t equal_pairs(const struct counts *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < 256; i++)
		sum += (uint64_t)c->of[i] * c->of[i];
	return sum;
}

static uint64_t load(const uint8_t *p)
{
	return load_le64(p) << (8 * (8 - REPEAT_LEN));
}

static size_t hash(uint64_t v)
{
	return (size_t)(v * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS));
}

/*
 * How many of the places looked at begin what came before in the data. Where
 * nothing is remembered it is compared to the very beginning, as good as any
 * other place: whether there is something is nothing a processor could foresee.
 */
static size_t count_repeats(const uint8_t *data, size_t len)
{
	uint16_t last[1 << HASH_BITS] = { 0 }; /* place / PLACE_STEP */
	size_t found = 0, put = 0;

	for (size_t look = LOOK_STEP - LOOK_RUN; look + LOOK_RUN + 8 <= len;
	     look += LOOK_STEP) {
		for (; put < look; put += PLACE_STEP)
			last[hash(load(data + put))] =
				(uint16_t)(put / PLACE_STEP);
		for (size_t i = look; i < look + LOOK_RUN; i++) {
			uint64_t v = load(data + i);

			found += load(data + last[hash(v)] * PLACE_STEP) == v;
		}
	}
	return found;
}

enum nature nature_of(const uint8_t *data, size_t len)
{
	struct counts c;
	uint64_t pairs, even;

	if (len < LEN_MIN)
		return NATURE_REPEATS;
	count(data, len, &c);
	pairs = equal_pairs(&c);
	/* One byte nearly everywhere: nothing to be looked up. */
	if (pairs * 2 > c.total * c.total)
		return NATURE_REPEATS;
	/* A lookup succeeds for one in PLACE_STEP of the repeated bytes. */
	if (count_repeats(data, len) * 256 > len / LOOK_STEP * LOOK_RUN)
		return NATURE_REPEATS;
	/* What even chances would give on average, and some more. */
	even = (c.total * c.total + c.total * 256) / 256;
	return pairs * 25 < even * 27 ? NATURE_NOISE : NATURE_SKEWED;
}
