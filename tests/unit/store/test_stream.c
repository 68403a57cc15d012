#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "store/base/io.h"
#include "store/stream.h"
#include "tests/unit/store/bytes.h"

static const char text[] = "the quick brown fox";
#define TEXT_LEN (sizeof(text) - 1)

static struct stream *text_stream(void)
{
	struct error err = ERROR_INIT;
	struct stream *s = NULL;

	assert_int_equal(stream_from_memory(text, TEXT_LEN, &s, &err), 0);
	return s;
}

/* Read everything; -1 when the stream fails. */
static ssize_t drain(struct stream *s, struct error *err)
{
	char data[7];
	ssize_t n, all = 0;

	while ((n = stream_read(s, data, sizeof(data), err)) > 0)
		all += n;
	return n < 0 ? -1 : all;
}

static int file_with_text(void)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, TEXT_LEN), TEXT_LEN);
	return fd;
}

static void a_window_of_a_file_is_read(void **state)
{
	AUTO(stream_free) struct stream *s = NULL;
	struct error err = ERROR_INIT;
	char data[32];

	(void)state;
	assert_int_equal(stream_from_fd(file_with_text(), true, 4, 5, &s, &err),
			 0);
	assert_int_equal(stream_read_full(s, data, sizeof(data), &err), 5);
	assert_memory_equal(data, "quick", 5);
}

static void a_file_that_ends_early_fails(void **state)
{
	AUTO(stream_free) struct stream *s = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(stream_from_fd(file_with_text(), true, 0, TEXT_LEN + 1,
					&s, &err),
			 0);
	assert_int_equal(drain(s, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void verification_accepts_what_was_announced(void **state)
{
	AUTO(stream_free) struct stream *s = NULL;
	struct error err = ERROR_INIT;
	struct digest d;

	(void)state;
	digest_bytes(text, TEXT_LEN, &d);
	assert_int_equal(stream_verify(text_stream(), TEXT_LEN, &d, &s, &err),
			 0);
	assert_int_equal(drain(s, &err), TEXT_LEN);
}

static void verification_fails_for_other_bytes(void **state)
{
	struct error err = ERROR_INIT;
	struct digest d;
	int64_t size;

	(void)state;
	digest_bytes("x", 1, &d);
	for (size = (int64_t)TEXT_LEN - 1; size <= (int64_t)TEXT_LEN + 1;
	     size++) {
		AUTO(stream_free) struct stream *s = NULL;

		assert_int_equal(
			stream_verify(text_stream(), size, &d, &s, &err), 0);
		assert_int_equal(drain(s, &err), -1);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
	}
}

static void a_limit_refuses_more(void **state)
{
	AUTO(stream_free) struct stream *enough = NULL;
	AUTO(stream_free) struct stream *small = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		stream_limit(text_stream(), TEXT_LEN, "text", &enough, &err),
		0);
	assert_int_equal(drain(enough, &err), TEXT_LEN);
	assert_int_equal(
		stream_limit(text_stream(), TEXT_LEN - 1, "text", &small, &err),
		0);
	assert_int_equal(drain(small, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void what_was_unread_comes_first(void **state)
{
	AUTO(stream_free) struct stream *s = NULL;
	struct stream *inner = text_stream();
	struct error err = ERROR_INIT;
	char data[32];

	(void)state;
	assert_int_equal(stream_read_full(inner, data, 4, &err), 4);
	assert_int_equal(stream_unread(inner, data, 4, &s, &err), 0);
	assert_int_equal(stream_read_full(s, data, sizeof(data), &err),
			 TEXT_LEN);
	assert_memory_equal(data, text, TEXT_LEN);
}

/* Long enough to go round the ring a few times, in pieces of odd sizes. */
static void reading_ahead_changes_nothing(void **state)
{
	size_t len = 3 << 20;
	autofree char *data = random_bytes(9, len);
	AUTO(stream_free) struct stream *s = NULL;
	AUTO(buf_release) struct buf found = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		stream_ahead(stream_in_steps(data, len, 99991), &s, &err), 0);
	assert_int_equal(read_to_buf(s, &found, &err), 0);
	assert_int_equal(found.len, len);
	assert_memory_equal(found.data, data, len);
	assert_int_equal(stream_read(s, data, 1, &err), 0);
}

static void reading_ahead_hands_on_failures_and_may_be_left(void **state)
{
	size_t len = 3 << 20;
	autofree char *data = random_bytes(9, len);
	AUTO(stream_free) struct stream *failing = NULL;
	AUTO(stream_free) struct stream *left = NULL;
	struct error err = ERROR_INIT;
	struct stream *s = NULL;

	(void)state;
	assert_int_equal(stream_limit(stream_in_steps(data, len, 70000),
				      len / 2, "data", &s, &err),
			 0);
	assert_int_equal(stream_ahead(s, &failing, &err), 0);
	assert_int_equal(drain(failing, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(
		stream_ahead(stream_in_steps(data, len, 70000), &left, &err),
		0);
	assert_int_equal(stream_read_full(left, data, 5, &err), 5);
}

struct production {
	const char *data;
	size_t len, step;
	bool fails;
	bool unread; /* nobody took all of it */
};

static int write_in_steps(void *ctx, struct sink *to, struct error *err)
{
	struct production *p = ctx;

	for (size_t at = 0, n; at < p->len; at += n) {
		n = p->step < p->len - at ? p->step : p->len - at;
		if (sink_write(to, p->data + at, n, err) < 0) {
			p->unread = err->kind == ERROR_CANCELED;
			return -1;
		}
	}
	return p->fails ? error_set(err, ERROR_REFUSED, "enough") : 0;
}

static void what_is_produced_is_read(void **state)
{
	size_t len = 3 << 20;
	autofree char *data = random_bytes(9, len);
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t step = 99991; step < len; step += 700000) {
		struct production p = { .data = data,
					.len = len,
					.step = step };
		AUTO(stream_free) struct stream *s = NULL;
		AUTO(buf_release) struct buf found = BUF_INIT;

		assert_int_equal(stream_produce(write_in_steps, &p, &s, &err),
				 0);
		assert_int_equal(read_to_buf(s, &found, &err), 0);
		assert_int_equal(found.len, len);
		assert_memory_equal(found.data, data, len);
	}
}

static void a_production_that_fails_is_no_end_and_one_may_be_left(void **state)
{
	size_t len = 3 << 20;
	autofree char *data = random_bytes(9, len);
	struct production fails = { data, 70000, 70000, .fails = true };
	struct production left = { data, len, 70000, .fails = false };
	AUTO(stream_free) struct stream *failing = NULL;
	struct stream *s = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(stream_produce(write_in_steps, &fails, &failing, &err),
			 0);
	assert_int_equal(drain(failing, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(stream_produce(write_in_steps, &left, &s, &err), 0);
	assert_int_equal(stream_read_full(s, data, 5, &err), 5);
	stream_free(s);
	assert_true(left.unread);
}

static void a_tee_feeds_both_and_hashes_agree(void **state)
{
	AUTO(stream_free) struct stream *s = NULL;
	AUTO(sink_free) struct sink *a = NULL;
	AUTO(sink_free) struct sink *b = NULL;
	AUTO(sink_free) struct sink *tee = NULL;
	autoclose int fd = memfd_create("copy", MFD_CLOEXEC);
	struct checksum expected = { 0 };
	struct error err = ERROR_INIT;
	struct digest read, written, direct;
	uint64_t size;
	char data[32];

	(void)state;
	assert_int_equal(stream_hash(text_stream(), &s, &err), 0);
	assert_int_equal(sink_hash(&a, &err), 0);
	assert_int_equal(sink_to_fd(fd, "copy", &b, &err), 0);
	assert_int_equal(sink_tee(a, b, &tee, &err), 0);
	assert_int_equal(stream_copy(s, tee, &err), 0);

	stream_hash_result(s, &read, NULL);
	sink_hash_result(a, &written, &size);
	checksum_update(&expected, text, TEXT_LEN);
	assert_true(checksum_equal(sink_hash_checksum(a), expected));
	digest_bytes(text, TEXT_LEN, &direct);
	assert_string_equal(read.text, direct.text);
	assert_string_equal(written.text, direct.text);
	assert_int_equal(size, TEXT_LEN);
	assert_int_equal(pread(fd, data, sizeof(data), 0), TEXT_LEN);
	assert_memory_equal(data, text, TEXT_LEN);
}

/* The check value of "CRC-64/XZ", whatever the sizes of the writes. */
static void a_checksum_is_that_of_the_standard(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t first = 0; first <= 9; first++) {
		AUTO(sink_free) struct sink *s = NULL;
		struct checksum found;

		assert_int_equal(sink_checksum(&s, &err), 0);
		assert_int_equal(sink_write(s, "123456789", first, &err), 0);
		assert_int_equal(
			sink_write(s, &"123456789"[first], 9 - first, &err), 0);
		assert_int_equal(sink_finish(s, &err), 0);
		found = sink_checksum_result(s);
		assert_true(found.crc64 == 0x995dc9bbdf1939fau);
		assert_int_equal(found.size_bytes, 9);
		assert_true(checksum_equal(found, found));
		found.crc64 ^= 1;
		assert_false(checksum_equal(found, sink_checksum_result(s)));
	}
}

/* Long enough for a thread, and ending in the middle of a block. */
#define LONG_LEN ((size_t)3 * 1000 * 1000)

static void long_contents_hash_the_same(void **state)
{
	static const size_t pieces[] = { 1, 511, 65536, LONG_LEN };
	autofree char *data = malloc(LONG_LEN);
	struct digest direct, written;
	struct error err = ERROR_INIT;
	size_t i, at;

	(void)state;
	assert_non_null(data);
	for (i = 0; i < LONG_LEN; i++)
		data[i] = (char)(i * 31 >> 7);
	digest_bytes(data, LONG_LEN, &direct);
	for (i = 0; i < ARRAY_LEN(pieces); i++) {
		AUTO(sink_free) struct sink *s = NULL;
		uint64_t size;

		assert_int_equal(sink_hash(&s, &err), 0);
		for (at = 0; at < LONG_LEN; at += pieces[i]) {
			size_t n = LONG_LEN - at;

			n = n < pieces[i] ? n : pieces[i];
			assert_int_equal(sink_write(s, data + at, n, &err), 0);
		}
		assert_int_equal(sink_finish(s, &err), 0);
		sink_hash_result(s, &written, &size);
		assert_string_equal(written.text, direct.text);
		assert_int_equal(size, LONG_LEN);
	}
}

static void a_hash_may_be_left_unfinished(void **state)
{
	autofree char *data = calloc(1, LONG_LEN);
	struct error err = ERROR_INIT;
	struct sink *s;

	(void)state;
	assert_non_null(data);
	assert_int_equal(sink_hash(&s, &err), 0);
	assert_int_equal(sink_write(s, data, LONG_LEN, &err), 0);
	assert_int_equal(sink_write(s, data, LONG_LEN, &err), 0);
	sink_free(s);
}

static void a_sink_on_a_full_disk_says_so(void **state)
{
	AUTO(stream_free) struct stream *s = text_stream();
	AUTO(sink_free) struct sink *full = NULL;
	autoclose int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct error err = ERROR_INIT;
	char message[256];

	(void)state;
	assert_int_equal(sink_to_fd(fd, "layer", &full, &err), 0);
	assert_int_equal(stream_copy(s, full, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	assert_non_null(
		strstr(error_message(&err, message, sizeof(message)), "layer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_of_a_file_is_read),
		cmocka_unit_test(a_file_that_ends_early_fails),
		cmocka_unit_test(verification_accepts_what_was_announced),
		cmocka_unit_test(verification_fails_for_other_bytes),
		cmocka_unit_test(a_limit_refuses_more),
		cmocka_unit_test(what_was_unread_comes_first),
		cmocka_unit_test(reading_ahead_changes_nothing),
		cmocka_unit_test(
			reading_ahead_hands_on_failures_and_may_be_left),
		cmocka_unit_test(what_is_produced_is_read),
		cmocka_unit_test(
			a_production_that_fails_is_no_end_and_one_may_be_left),
		cmocka_unit_test(a_tee_feeds_both_and_hashes_agree),
		cmocka_unit_test(a_checksum_is_that_of_the_standard),
		cmocka_unit_test(long_contents_hash_the_same),
		cmocka_unit_test(a_hash_may_be_left_unfinished),
		cmocka_unit_test(a_sink_on_a_full_disk_says_so),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
