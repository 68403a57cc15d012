#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/blob.h"
#include "tests/unit/store/place.h"

static void a_blob_is_found_by_its_digest(void **state)
{
	struct place *p = *state;
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct digest digest, expected;

	digest_bytes("hello", 5, &expected);
	expect_ok(blob_put(p->batch, "hello", 5, &digest, &err), &err);
	assert_true(digest_equal(&digest, &expected));
	assert_true(blob_exists(p->store, p->batch, &digest));
	assert_false(blob_exists(p->store, NULL, &digest));
	place_restart(p);
	assert_true(blob_exists(p->store, NULL, &digest));
	expect_ok(blob_read(p->store, NULL, &digest, 5, &text, &err), &err);
	assert_string_equal(text.data, "hello");
	assert_int_equal(blob_read(p->store, NULL, &digest, 4, &text, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void a_missing_blob_is_not_found(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	struct digest digest;

	digest_bytes("x", 1, &digest);
	assert_int_equal(blob_open(p->store, p->batch, &digest, NULL, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

static void a_damaged_blob_is_not_passed_on(void **state)
{
	struct place *p = *state;
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	autofree char *path = NULL;
	struct digest digest;

	expect_ok(blob_put(p->batch, "hello", 5, &digest, &err), &err);
	place_publish(p);
	assert_true(asprintf(&path, "blobs/sha256/%s", digest_hex(&digest)) >
		    0);
	make_file(p->scratch->fd, path, "jello");
	assert_int_equal(blob_read(p->store, NULL, &digest, 9, &text, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static struct blob_writer *write_blob(struct place *p, const char *text)
{
	struct error err = ERROR_INIT;
	struct blob_writer *w = NULL;

	expect_ok(blob_writer_new(p->batch, &w, &err), &err);
	expect_ok(sink_write(blob_writer_sink(w), text, strlen(text), &err),
		  &err);
	return w;
}

static void what_is_not_as_announced_is_not_kept(void **state)
{
	struct place *p = *state;
	AUTO(blob_writer_free) struct blob_writer *w = write_blob(p, "hello");
	AUTO(blob_writer_free)
	struct blob_writer *other = write_blob(p, "hello");
	struct error err = ERROR_INIT;
	struct digest digest, wrong;

	digest_bytes("hello", 5, &digest);
	digest_bytes("x", 1, &wrong);
	assert_int_equal(blob_writer_commit(w, &wrong, -1, NULL, NULL, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	assert_int_equal(
		blob_writer_commit(other, &digest, 4, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	assert_false(blob_exists(p->store, p->batch, &digest));
}

static void an_abandoned_blob_leaves_no_trace(void **state)
{
	struct place *p = *state;

	blob_writer_free(write_blob(p, "hello"));
	assert_int_equal(count_entries(batch_fd(p->batch), "."), 0);
}

static void the_same_blob_twice_is_one(void **state)
{
	struct place *p = *state;
	struct blob_writer *a = write_blob(p, "hello");
	struct blob_writer *b = write_blob(p, "hello");
	struct error err = ERROR_INIT;
	uint64_t size_bytes = 0;
	struct digest digest;

	expect_ok(blob_writer_commit(a, NULL, -1, &digest, NULL, &err), &err);
	expect_ok(blob_writer_commit(b, &digest, 5, NULL, &size_bytes, &err),
		  &err);
	assert_int_equal(size_bytes, 5);
	blob_writer_free(a);
	blob_writer_free(b);
	place_restart(p);
	expect_ok(blob_put(p->batch, "hello", 5, NULL, &err), &err);
	place_restart(p);
	assert_int_equal(count_entries(p->scratch->fd, "blobs/sha256"), 1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_blob_is_found_by_its_digest),
		TEST(a_missing_blob_is_not_found),
		TEST(a_damaged_blob_is_not_passed_on),
		TEST(what_is_not_as_announced_is_not_kept),
		TEST(an_abandoned_blob_leaves_no_trace),
		TEST(the_same_blob_twice_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
