#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store/gzip_quick.h"
#include "tests/unit/store/bytes.h"
#include "tests/unit/store/packed.h"

#define LEN ((size_t)1 << 20)

/* Returns the size; the packer has been used before. */
static size_t pack(struct gzip_quick *q, const uint8_t *data, size_t len)
{
	/* Exactly as long as it is, for readers beyond the end to be caught. */
	autofree uint8_t *copy = malloc(len ? len : 1);
	autofree uint8_t *out = malloc(gzip_quick_bound(len));
	size_t n;

	if (len > 0)
		memcpy(copy, data, len);
	n = gzip_quick(q, copy, len, out);
	assert_in_range(n, 18, gzip_quick_bound(len));
	expect_packed(out, n, data, len);
	return n;
}

static void every_length_reads_back(void **state)
{
	autofree uint8_t *text = (uint8_t *)random_bytes(1, LEN);
	autofree uint8_t *zeros = calloc(1, LEN);

	for (size_t len = 0; len < 600; len++) {
		pack(*state, text, len);
		pack(*state, zeros, len);
	}
	for (size_t len = 9990; len < 10030; len++)
		pack(*state, text, len);
	for (size_t len = 131072 - 20; len < 131072 + 20; len++)
		pack(*state, zeros, len);
	pack(*state, text, LEN);
	pack(*state, zeros, LEN);
}

/* Words with some noise, over alphabets and shares of all sizes. */
static void contents_of_all_kinds_read_back(void **state)
{
	autofree uint8_t *data = malloc(LEN);
	uint64_t seed = 11;

	for (size_t round = 0; round < 40; round++) {
		size_t len = random_next(&seed) % LEN / 4 + 1;
		uint32_t letters = random_next(&seed) % 256 + 1;
		uint32_t share = random_next(&seed) % 64;

		for (size_t i = 0; i < len;) {
			size_t n = random_next(&seed) % 300 + 1;
			size_t back = random_next(&seed) % 40000 + 1;
			bool again =
				random_next(&seed) % 64 < share && back <= i;

			for (; n > 0 && i < len; n--, i++)
				data[i] =
					again ? data[i - back]
					      : (uint8_t)(random_next(&seed) >>
							  9) %
							letters;
		}
		pack(*state, data, len);
	}
}

static void noise(uint8_t *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(random_next(&seed) >> 9);
}

static void noise_takes_what_it_is(void **state)
{
	autofree uint8_t *data = malloc(LEN);

	noise(data, LEN, 5);
	assert_in_range(pack(*state, data, LEN), LEN, LEN + LEN / 1000);
}

static void zeros_take_next_to_nothing(void **state)
{
	autofree uint8_t *data = calloc(1, LEN);

	assert_in_range(pack(*state, data, LEN), 0, LEN / 500);
}

/* Two pieces of noise, the second of them the first again. */
static size_t pack_twice(struct gzip_quick *q, size_t distance)
{
	autofree uint8_t *data = malloc(2 * LEN);

	noise(data, 2 * distance, 6);
	memcpy(data + distance, data, distance);
	return pack(q, data, 2 * distance);
}

static void the_window_is_used_to_its_end(void **state)
{
	assert_in_range(pack_twice(*state, 32768), 0, 32768 + 4000);
	assert_in_range(pack_twice(*state, 32769), 2 * 32769, 2 * 32769 + 100);
	/* As far again modulo 65536. */
	assert_in_range(pack_twice(*state, 65536 + 100), 2 * 65536, LEN);
}

static void what_was_packed_before_does_not_show(void **state)
{
	autofree uint8_t *data = (uint8_t *)random_bytes(3, LEN);
	autofree uint8_t *first = malloc(gzip_quick_bound(LEN));
	autofree uint8_t *again = malloc(gzip_quick_bound(LEN));
	struct gzip_quick *other = gzip_quick_new();
	size_t n = gzip_quick(*state, data, LEN, first);

	pack(*state, data + 1000, 300000);
	assert_int_equal(gzip_quick(*state, data, LEN, again), n);
	assert_memory_equal(first, again, n);
	assert_int_equal(gzip_quick(other, data, LEN, again), n);
	assert_memory_equal(first, again, n);
	gzip_quick_free(other);
	gzip_quick_free(NULL);
}

static int set_up(void **state)
{
	*state = gzip_quick_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	gzip_quick_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_reads_back),
		cmocka_unit_test(contents_of_all_kinds_read_back),
		cmocka_unit_test(noise_takes_what_it_is),
		cmocka_unit_test(zeros_take_next_to_nothing),
		cmocka_unit_test(the_window_is_used_to_its_end),
		cmocka_unit_test(what_was_packed_before_does_not_show),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
