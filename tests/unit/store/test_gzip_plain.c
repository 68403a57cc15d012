#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store/gzip_plain.h"
#include "store/huffman.h"
#include "store/nature.h"
#include "tests/unit/store/bytes.h"
#include "tests/unit/store/packed.h"

#define LEN ((size_t)300000)

typedef void fill_fn(uint8_t *data, size_t len, uint64_t *seed);

static void fill_noise(uint8_t *data, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(random_next(seed) >> 9);
}

static void fill_letters(uint8_t *data, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)('A' + (random_next(seed) >> 9) % 32);
}

/* Each value half as often as the one before: codes would get too long. */
static void fill_steep(uint8_t *data, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t v = random_next(seed) >> 9 | (uint64_t)1 << 40;

		data[i] = (uint8_t)__builtin_ctzll(v);
	}
}

static void fill_same(uint8_t *data, size_t len, uint64_t *seed)
{
	(void)seed;
	memset(data, 'x', len);
}

static void fill_words(uint8_t *data, size_t len, uint64_t *seed)
{
	static const char *const words[] = { "never ", "eat ", "shredded ",
					     "wheat " };

	for (size_t i = 0; i < len;) {
		const char *word = words[(random_next(seed) >> 9) % 4];
		size_t n = strlen(word) < len - i ? strlen(word) : len - i;

		memcpy(data + i, word, n);
		i += n;
	}
}

static const struct sample {
	fill_fn *fill;
	enum nature nature;
	size_t most; /* per thousand of it, when coded */
} samples[] = {
	{ fill_noise, NATURE_NOISE, 1001 },
	{ fill_letters, NATURE_SKEWED, 640 },
	{ fill_steep, NATURE_REPEATS, 260 },
	{ fill_same, NATURE_REPEATS, 130 },
	{ fill_words, NATURE_REPEATS, 600 },
};

static uint8_t *make_sample(const struct sample *s)
{
	uint8_t *data = malloc(LEN);
	uint64_t seed = 7;

	s->fill(data, LEN, &seed);
	return data;
}

static void data_is_judged_by_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		autofree uint8_t *data = make_sample(&samples[i]);

		assert_int_equal(nature_of(data, LEN), samples[i].nature);
		assert_int_equal(nature_of(data, 32768), samples[i].nature);
		assert_int_equal(nature_of(data, 100), NATURE_REPEATS);
	}
}

/* Noise that comes again a while later is worth looking for. */
static void repeated_noise_is_no_noise(void **state)
{
	autofree uint8_t *data = malloc(32768);
	uint64_t seed = 3;

	(void)state;
	fill_noise(data, 8192, &seed);
	for (size_t i = 8192; i < 32768; i += 8192)
		memcpy(data + i, data, 8192);
	assert_int_equal(nature_of(data, 32768), NATURE_REPEATS);
}

static void both_ways_read_back_and_keep_their_bound(void **state)
{
	static const size_t lens[] = { 0,     1,     2,	     65534,  65535,
				       65536, 65537, 131070, 131072, LEN };
	autofree uint8_t *out = malloc(gzip_plain_bound(LEN));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		autofree uint8_t *data = make_sample(&samples[i]);

		for (size_t j = 0; j < ARRAY_LEN(lens); j++) {
			size_t n = gzip_store(data, lens[j], out);

			assert_in_range(n, 0, gzip_plain_bound(lens[j]));
			expect_packed(out, n, data, lens[j]);
			n = gzip_huffman(data, lens[j], out);
			assert_in_range(n, 0, gzip_plain_bound(lens[j]));
			expect_packed(out, n, data, lens[j]);
		}
		assert_in_range(gzip_huffman(data, LEN, out) * 1000 / LEN, 0,
				samples[i].most);
	}
}

static void lengths_are_bounded_and_use_every_code(void **state)
{
	uint32_t counts[40], a = 1, b = 1;
	uint8_t lengths[40];
	uint32_t used = 0;

	(void)state;
	/* Fibonacci's numbers make the deepest tree. */
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		uint32_t next = a + b;

		counts[i] = a;
		a = b;
		b = next;
	}
	huffman_lengths(counts, ARRAY_LEN(counts), 12, lengths);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		assert_in_range(lengths[i], 1, 12);
		used += (uint32_t)1 << (12 - lengths[i]);
	}
	assert_int_equal(used, 1 << 12);
	assert_int_equal(lengths[39], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_is_judged_by_its_bytes),
		cmocka_unit_test(repeated_noise_is_no_noise),
		cmocka_unit_test(both_ways_read_back_and_keep_their_bound),
		cmocka_unit_test(lengths_are_bounded_and_use_every_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
