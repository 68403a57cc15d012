#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <zstd.h>

#include "store/compress.h"
#include "tests/unit/store/bytes.h"

static const struct compression gzip = { COMPRESSION_GZIP,
					 COMPRESSION_LEVEL_DEFAULT };
static const struct compression zstd = { COMPRESSION_ZSTD,
					 COMPRESSION_LEVEL_DEFAULT };

/* Compress in writes of `step` bytes. */
static void compress_to(struct buf *out, struct compression how,
			unsigned threads, const char *data, size_t len,
			size_t step)
{
	AUTO(sink_free) struct sink *to = sink_to_buf(out);
	AUTO(sink_free) struct sink *s = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(sink_compress(how, threads, to, &s, &err), 0);
	while (len > 0) {
		size_t n = step < len ? step : len;

		assert_int_equal(sink_write(s, data, n, &err), 0);
		data += n;
		len -= n;
	}
	assert_int_equal(sink_finish(s, &err), 0);
}

static int decompress_to(struct buf *out, const char *data, size_t len,
			 size_t step, enum compression_kind *kind,
			 struct error *err)
{
	AUTO(stream_free) struct stream *s = NULL;

	if (stream_decompress(stream_in_steps(data, len, step), kind, &s, err) <
	    0)
		return -1;
	return read_to_buf(s, out, err);
}

static void assert_round_trip(struct compression how, size_t len, size_t step)
{
	AUTO(buf_release) struct buf packed = BUF_INIT;
	AUTO(buf_release) struct buf plain = BUF_INIT;
	autofree char *data = random_bytes(len, len);
	struct error err = ERROR_INIT;
	enum compression_kind kind;

	compress_to(&packed, how, 2, data, len, 70000);
	assert_int_equal(decompress_to(&plain, packed.data, packed.len, step,
				       &kind, &err),
			 0);
	assert_int_equal(kind, how.kind);
	assert_int_equal(plain.len, len);
	if (len > 0)
		assert_memory_equal(plain.data, data, len);
}

static void what_was_compressed_comes_back(void **state)
{
	static const size_t lens[] = { 0,	1,	 511,	  65536,
				       1048575, 1048576, 1048577, 5000000 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(lens); i++) {
		assert_round_trip(gzip, lens[i], 1 << 16);
		assert_round_trip(zstd, lens[i], 1 << 16);
	}
	assert_round_trip(gzip, 1500000, 1);
	assert_round_trip(gzip, 1500000, 13);
	assert_round_trip(zstd, 1500000, 1);
}

static void every_level_round_trips(void **state)
{
	int level;

	(void)state;
	for (level = 0; level <= 9; level++)
		assert_round_trip(
			(struct compression){ COMPRESSION_GZIP, level }, 100000,
			4096);
	for (level = 0; level <= 19; level += 3)
		assert_round_trip(
			(struct compression){ COMPRESSION_ZSTD, level }, 100000,
			4096);
}

static void levels_out_of_range_are_refused(void **state)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	AUTO(sink_free) struct sink *to = sink_to_buf(&out);
	struct error err = ERROR_INIT;
	struct sink *s = NULL;

	(void)state;
	assert_int_equal(
		sink_compress((struct compression){ COMPRESSION_GZIP, 10 }, 1,
			      to, &s, &err),
		-1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(
		sink_compress((struct compression){ COMPRESSION_ZSTD, 23 }, 1,
			      to, &s, &err),
		-1);
	assert_int_equal(err.kind, ERROR_USAGE);
}

static void assert_same_bytes(struct compression how)
{
	static const struct {
		unsigned threads;
		size_t step;
	} ways[] = { { 2, 1 << 20 }, { 3, 4097 }, { 7, 999999 }, { 16, 512 } };
	AUTO(buf_release) struct buf first = BUF_INIT;
	size_t i, len = 9 << 20;
	autofree char *data = random_bytes(7, len);

	compress_to(&first, how, 1, data, len, 100000);
	for (i = 0; i < ARRAY_LEN(ways); i++) {
		AUTO(buf_release) struct buf other = BUF_INIT;

		compress_to(&other, how, ways[i].threads, data, len,
			    ways[i].step);
		assert_int_equal(other.len, first.len);
		assert_memory_equal(other.data, first.data, first.len);
	}
}

static void bytes_depend_on_neither_threads_nor_write_sizes(void **state)
{
	(void)state;
	assert_same_bytes(gzip);
	assert_same_bytes(zstd);
}

static void gzip_headers_name_no_time_and_no_system(void **state)
{
	static const char header[] = { 0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0 };
	AUTO(buf_release) struct buf packed = BUF_INIT;

	(void)state;
	compress_to(&packed, gzip, 1, "hello", 5, 5);
	assert_memory_equal(packed.data, header, sizeof(header));
	assert_int_equal((unsigned char)packed.data[9], 255);
}

static void noise_is_stored_and_text_beside_it_is_not(void **state)
{
	AUTO(buf_release) struct buf packed = BUF_INIT;
	size_t i, len = 2 << 20;
	autofree char *data = malloc(len);
	uint64_t seed = 1;

	(void)state;
	for (i = 0; i < len / 2; i++)
		data[i] = (char)(random_next(&seed) >> 9);
	memset(data + len / 2, 'x', len / 2);
	compress_to(&packed, gzip, 1, data, len, len);
	assert_in_range(packed.len, len / 2, len / 2 + 8192);
}

/* Cut short anywhere, damaged anywhere: an error or (header bits) the same. */
static void assert_damage_is_seen(struct compression how)
{
	AUTO(buf_release) struct buf packed = BUF_INIT;
	autofree char *data = random_bytes(3, 3000);
	size_t i;

	compress_to(&packed, how, 1, data, 3000, 3000);
	for (i = 4; i < packed.len; i++) {
		AUTO(buf_release) struct buf plain = BUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(
			decompress_to(&plain, packed.data, i, 100, NULL, &err),
			-1);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
	}
	for (i = 10; i < packed.len; i++) {
		AUTO(buf_release) struct buf plain = BUF_INIT;
		struct error err = ERROR_INIT;

		packed.data[i] ^= 0x10;
		if (decompress_to(&plain, packed.data, packed.len, 100, NULL,
				  &err) == 0)
			assert_memory_equal(plain.data, data, 3000);
		packed.data[i] ^= 0x10;
	}
}

static void truncation_and_damage_are_integrity_errors(void **state)
{
	(void)state;
	assert_damage_is_seen(gzip);
	assert_damage_is_seen(zstd);
}

static void assert_garbage_is_seen(struct compression how, const char *garbage,
				   size_t len)
{
	AUTO(buf_release) struct buf packed = BUF_INIT;
	AUTO(buf_release) struct buf plain = BUF_INIT;
	struct error err = ERROR_INIT;

	compress_to(&packed, how, 1, "hello", 5, 5);
	buf_append(&packed, garbage, len);
	assert_int_equal(
		decompress_to(&plain, packed.data, packed.len, 7, NULL, &err),
		-1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void garbage_behind_the_end_is_an_integrity_error(void **state)
{
	(void)state;
	assert_garbage_is_seen(gzip, "garbage garbage garbage", 23);
	assert_garbage_is_seen(gzip, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	assert_garbage_is_seen(gzip, "\x1f", 1);
	assert_garbage_is_seen(zstd, "garbage garbage garbage", 23);
	assert_garbage_is_seen(zstd, "\x28\xb5", 2);
}

static void members_and_frames_are_joined(void **state)
{
	static const struct compression *const hows[] = { &gzip, &zstd };
	size_t i, step;

	(void)state;
	for (i = 0; i < ARRAY_LEN(hows); i++) {
		AUTO(buf_release) struct buf packed = BUF_INIT;

		/* A skippable frame of 3 bytes, for zstd only. */
		if (hows[i]->kind == COMPRESSION_ZSTD)
			buf_append(&packed, "\x50\x2a\x4d\x18\3\0\0\0abc", 11);
		compress_to(&packed, *hows[i], 1, "one ", 4, 4);
		compress_to(&packed, *hows[i], 1, "", 0, 1);
		compress_to(&packed, *hows[i], 1, "two", 3, 3);
		for (step = 1; step < 40; step++) {
			AUTO(buf_release) struct buf plain = BUF_INIT;
			struct error err = ERROR_INIT;

			assert_int_equal(decompress_to(&plain, packed.data,
						       packed.len, step, NULL,
						       &err),
					 0);
			assert_string_equal(plain.data, "one two");
		}
	}
}

static void optional_gzip_header_fields_are_understood(void **state)
{
	/* FEXTRA, FNAME and FCOMMENT around "hello" stored. */
	static const char packed[] = "\x1f\x8b\x08\x1c\0\0\0\0\0\3"
				     "\4\0abcd"
				     "name\0"
				     "comment\0"
				     "\1\5\0\xfa\xffhello"
				     "\x86\xa6\x10\x36\5\0\0";
	size_t step;

	(void)state;
	for (step = 1; step < sizeof(packed); step++) {
		AUTO(buf_release) struct buf plain = BUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(decompress_to(&plain, packed, sizeof(packed),
					       step, NULL, &err),
				 0);
		assert_string_equal(plain.data, "hello");
	}
}

static void other_bytes_pass_through(void **state)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;
	struct error err = ERROR_INIT;
	enum compression_kind kind;

	(void)state;
	assert_int_equal(decompress_to(&plain, "hi", 2, 1, &kind, &err), 0);
	assert_int_equal(kind, COMPRESSION_NONE);
	assert_string_equal(plain.data, "hi");
}

static void a_window_above_the_limit_is_refused(void **state)
{
	/* Magic, descriptor without checksum or size, window of 2 GiB. */
	static const char bomb[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
	AUTO(buf_release) struct buf plain = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		decompress_to(&plain, bomb, sizeof(bomb), 100, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_compressed_comes_back),
		cmocka_unit_test(every_level_round_trips),
		cmocka_unit_test(levels_out_of_range_are_refused),
		cmocka_unit_test(
			bytes_depend_on_neither_threads_nor_write_sizes),
		cmocka_unit_test(gzip_headers_name_no_time_and_no_system),
		cmocka_unit_test(noise_is_stored_and_text_beside_it_is_not),
		cmocka_unit_test(truncation_and_damage_are_integrity_errors),
		cmocka_unit_test(garbage_behind_the_end_is_an_integrity_error),
		cmocka_unit_test(members_and_frames_are_joined),
		cmocka_unit_test(optional_gzip_header_fields_are_understood),
		cmocka_unit_test(other_bytes_pass_through),
		cmocka_unit_test(a_window_above_the_limit_is_refused),
	};

	return cmocka_run_group_tests_name("compress", tests, NULL, NULL);
}
