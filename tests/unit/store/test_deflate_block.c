#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/cleanup.h"
#include "store/deflate_block.h"

/* Where each code for a distance begins, and the last distance. */
static const uint32_t distances[] = {
	1,    2,    3,	  4,	5,    7,     9,	    13,	   17,	  25,	33,
	49,   65,   97,	  129,	193,  257,   385,   513,   769,	  1025, 1537,
	2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577, 32768,
};

#define N_LENS (DEFLATE_LEN_MAX - 2)

static void assert_inflates(const uint8_t *out, size_t n, const uint8_t *data,
			    size_t len)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	autofree uint8_t *plain = malloc(len + 1);
	size_t got = 0;

	assert_int_equal(
		libdeflate_deflate_decompress(d, out, n, plain, len, &got),
		LIBDEFLATE_SUCCESS);
	libdeflate_free_decompressor(d);
	assert_int_equal(got, len);
	assert_memory_equal(plain, data, len);
}

static size_t put_whole(const struct deflate_block *b, const uint8_t *data,
			uint8_t *out)
{
	struct deflate_bits bits = { .out = out };

	deflate_block_put(&bits, b, data, true);
	assert_in_range(bits.out - out, 1, deflate_block_bound(b->len));
	return (size_t)(bits.out - out);
}

/* In a row of zeros every place repeats every other. */
static void every_length_and_distance_can_be_put(void **state)
{
	size_t n_matches = ARRAY_LEN(distances) * N_LENS, at = 0;
	autofree struct deflate_match *matches =
		calloc(n_matches, sizeof(*matches));
	struct deflate_block b = { .matches = matches, .len = 32768 };
	autofree uint8_t *data = NULL, *out = NULL;

	(void)state;
	matches[0].literals = 32768;
	b.literals[0] = 32768;
	for (size_t i = 0; i < n_matches; i++) {
		struct deflate_match *m = &matches[at++];

		m->len = (uint16_t)(3 + i % N_LENS);
		m->distance_less1 = (uint16_t)(distances[i / N_LENS] - 1);
		deflate_block_count(&b, m->len, m->distance_less1);
		b.len += m->len;
	}
	b.n_matches = n_matches;
	data = calloc(1, b.len);
	out = malloc(deflate_block_bound(b.len));
	assert_inflates(out, put_whole(&b, data, out), data, b.len);
}

static void literals_stand_before_and_behind_matches(void **state)
{
	static const char text[] = "abcabcdefgabcdefgh..........!";
	const struct deflate_match matches[] = { { 3, 3, 2 },
						 { 4, 7, 6 },
						 { 2, 9, 0 } };
	struct deflate_block b = { .matches = matches };
	const uint8_t *data = (const uint8_t *)text;
	uint8_t out[200];

	(void)state;
	for (size_t before = 0; before <= 6; before++)
		for (size_t n = 0; n <= ARRAY_LEN(matches); n++) {
			struct deflate_match some[3];
			uint8_t longer[64];
			size_t at = before, len = before + sizeof(text);

			memset(longer, '-', before);
			memcpy(longer + before, data, sizeof(text));
			memcpy(some, matches, sizeof(some));
			some[0].literals += (uint32_t)before;
			b = (struct deflate_block){ .matches = some,
						    .n_matches = n,
						    .len = len };
			for (size_t i = at = 0; i < n; i++) {
				for (size_t j = 0; j < some[i].literals; j++)
					b.literals[longer[at++]]++;
				deflate_block_count(&b, some[i].len,
						    some[i].distance_less1);
				at += some[i].len;
			}
			while (at < len)
				b.literals[longer[at++]]++;
			assert_inflates(out, put_whole(&b, longer, out), longer,
					len);
		}
}

/* What the counts promise to be long is stored. */
static void a_block_never_gets_longer_than_stored(void **state)
{
	static uint8_t data[70000];
	static uint8_t out[80000];
	struct deflate_block b = { .len = sizeof(data) };
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 2654435761u >> 13);
		b.literals[data[i]]++;
	}
	n = put_whole(&b, data, out);
	assert_in_range(n, 0, sizeof(data) + 10);
	assert_inflates(out, n, data, sizeof(data));
	b = (struct deflate_block){ .len = 0 };
	assert_int_equal(put_whole(&b, data, out), 5);
	assert_inflates(out, 5, data, 0);
}

/* Blocks do not end on whole bytes, but for stored ones and the last. */
static void blocks_follow_one_another(void **state)
{
	uint8_t data[30000], out[31000];
	struct deflate_bits bits = { .out = out };

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i % 7 * (i % 11));
	for (size_t at = 0; at < sizeof(data); at += 3000) {
		struct deflate_block b = { .len = 3000 };

		for (size_t i = at; i < at + 3000; i++)
			b.literals[data[i]]++;
		if (at == 9000)
			deflate_block_put_stored(&bits, data + at, 3000, false);
		else
			deflate_block_put(&bits, &b, data + at, at == 27000);
	}
	assert_inflates(out, (size_t)(bits.out - out), data, sizeof(data));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_and_distance_can_be_put),
		cmocka_unit_test(literals_stand_before_and_behind_matches),
		cmocka_unit_test(a_block_never_gets_longer_than_stored),
		cmocka_unit_test(blocks_follow_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
