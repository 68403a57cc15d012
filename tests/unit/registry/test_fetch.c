#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/fetch.h"
#include "registry/manifest_get.h"
#include "tests/unit/registry/script.h"

#define DATA "0123456789"
#define URL  "https://r.x/v2/a/b/blobs/"

static struct descriptor describe(const char *data)
{
	struct descriptor d = { .size = (int64_t)strlen(data) };

	digest_bytes(data, strlen(data), &d.digest);
	return d;
}

/* Fetch DATA through the acts, verified. */
static int fetch(struct script *s, struct buf *got, struct error *err)
{
	AUTO(registry_free) struct registry *r = script_client(s, NULL);
	struct descriptor d = describe(DATA);

	return fetch_small_blob(r, "r.x", "a/b", &d, 1000, got, err);
}

static void assert_arrives(const struct act *acts, size_t n,
			   const char *last_request)
{
	AUTO(script_release) struct script s = { .acts = acts, .n = n };
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;
	char message[512];

	if (fetch(&s, &got, &err) < 0)
		fail_msg("%s", error_message(&err, message, sizeof(message)));
	assert_string_equal(got.data, DATA);
	assert_int_equal(s.next, n);
	assert_non_null(strstr(s.log.items[n - 1], last_request));
}

static void assert_fails(const struct act *acts, size_t n, enum error_kind kind)
{
	AUTO(script_release) struct script s = { .acts = acts, .n = n };
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(fetch(&s, &got, &err), -1);
	assert_int_equal(err.kind, kind);
	assert_int_equal(s.next, n);
}

static void a_broken_connection_goes_on_where_it_broke(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .body = DATA, .breaks_after = 4 },
		{ .status = 206,
		  .headers = "Content-Range: bytes 4-9/10",
		  .body = "456789",
		  .breaks_after = 2 },
		{ .failure = HTTP_UNREACHABLE },
		{ .status = 206,
		  .headers = "Content-Range: bytes 6-9/10",
		  .body = "6789" },
	};

	(void)state;
	assert_arrives(acts, ARRAY_LEN(acts), "Range: bytes=6-");
}

static void a_server_that_starts_over_is_read_over(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .body = DATA, .breaks_after = 4 },
		{ .body = DATA },
	};

	(void)state;
	assert_arrives(acts, ARRAY_LEN(acts), "Range: bytes=4-");
}

static void a_redirect_is_asked_for_again_when_resuming(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 307, .headers = "Location: https://cdn.x/1" },
		{ .body = DATA, .breaks_after = 4 },
		{ .status = 307, .headers = "Location: https://cdn.x/2" },
		{ .status = 206,
		  .headers = "Content-Range: bytes 4-9/10",
		  .body = "456789" },
	};

	(void)state;
	assert_arrives(acts, ARRAY_LEN(acts), "https://cdn.x/2");
}

static void wrong_bytes_are_fetched_once_more(void **state)
{
	static const struct act good[] = { { 0 },
					   { .body = "0123456780" },
					   { .body = DATA } };
	static const struct act bad[] = { { 0 },
					  { .body = "0123456780" },
					  { .body = "0123456780" } };

	(void)state;
	assert_arrives(good, ARRAY_LEN(good), URL);
	assert_fails(bad, ARRAY_LEN(bad), ERROR_INTEGRITY);
}

static void a_blob_longer_than_announced_is_wrong(void **state)
{
	static const struct act acts[] = { { 0 },
					   { .body = DATA "x" },
					   { .body = DATA "x" } };

	(void)state;
	assert_fails(acts, ARRAY_LEN(acts), ERROR_INTEGRITY);
}

static void a_wrong_range_is_not_believed(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .body = DATA, .breaks_after = 4 },
		{ .status = 206,
		  .headers = "Content-Range: bytes 5-9/10",
		  .body = "56789" },
		{ .body = DATA },
	};

	(void)state;
	assert_arrives(acts, ARRAY_LEN(acts), URL);
}

static void a_short_blob_fails_after_one_more_try(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .body = "0123" },
		{ .body = "0123" },
		{ .body = "0123" },
		{ .body = "0123" },
	};

	(void)state;
	/* Each of the two tries asks once for the rest of it. */
	assert_fails(acts, ARRAY_LEN(acts), ERROR_INTEGRITY);
}

static void a_connection_that_keeps_breaking_is_given_up(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .body = DATA, .breaks_after = 1 },
		{ .failure = HTTP_BROKEN },
		{ .failure = HTTP_BROKEN },
		{ .failure = HTTP_BROKEN },
		{ .failure = HTTP_BROKEN },
		{ .failure = HTTP_BROKEN },
	};

	(void)state;
	assert_fails(acts, ARRAY_LEN(acts), ERROR_NETWORK);
}

static void too_large_a_document_is_not_even_asked_for(void **state)
{
	static const struct act acts[] = { { 0 } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 0 };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct descriptor d = describe(DATA);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(fetch_small_blob(r, "r.x", "a", &d, 9, &got, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_log(&s, "");
}

/* ---- manifests ---- */

static int get(struct script *s, const struct digest *expected,
	       struct manifest_text *m, struct error *err)
{
	AUTO(registry_free) struct registry *r = script_client(s, NULL);

	return manifest_get(r, "r.x", "a", "t", expected, m, err);
}

static void a_manifest_comes_with_its_type_and_digest(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .headers = "Content-Type: application/x; charset=utf-8",
		  .body = "{}" },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 2 };
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	struct descriptor d = describe("{}");
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(get(&s, NULL, &m, &err), 0);
	assert_string_equal(m.media_type, "application/x");
	assert_string_equal(m.digest.text, d.digest.text);
	assert_string_equal(m.data.data, "{}");
}

static void a_manifest_that_is_not_what_was_asked_for_is_refused(void **state)
{
	static const struct act acts[] = { { 0 },
					   { .body = "{}" },
					   { .body = "{}" } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 3 };
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	struct descriptor d = describe("other");
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(get(&s, &d.digest, &m, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	assert_int_equal(s.next, 3);
}

static void a_manifest_that_is_not_what_was_announced_is_refused(void **state)
{
	static const char lie[] = "Docker-Content-Digest: sha256:"
				  "00000000000000000000000000000000"
				  "00000000000000000000000000000000";
	const struct act acts[] = { { 0 },
				    { .headers = lie, .body = "{}" },
				    { .headers = lie, .body = "{}" } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 3 };
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(get(&s, NULL, &m, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void an_endless_manifest_is_cut_off(void **state)
{
	size_t len = ((size_t)4 << 20) + 20000;
	autofree char *body = malloc(len);
	struct act acts[] = { { 0 }, { .body_len = len } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 2 };
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_non_null(body);
	memset(body, ' ', len);
	acts[1].body = body;
	assert_int_equal(get(&s, NULL, &m, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_connection_goes_on_where_it_broke),
		cmocka_unit_test(a_server_that_starts_over_is_read_over),
		cmocka_unit_test(a_redirect_is_asked_for_again_when_resuming),
		cmocka_unit_test(wrong_bytes_are_fetched_once_more),
		cmocka_unit_test(a_blob_longer_than_announced_is_wrong),
		cmocka_unit_test(a_wrong_range_is_not_believed),
		cmocka_unit_test(a_short_blob_fails_after_one_more_try),
		cmocka_unit_test(a_connection_that_keeps_breaking_is_given_up),
		cmocka_unit_test(too_large_a_document_is_not_even_asked_for),
		cmocka_unit_test(a_manifest_comes_with_its_type_and_digest),
		cmocka_unit_test(
			a_manifest_that_is_not_what_was_asked_for_is_refused),
		cmocka_unit_test(
			a_manifest_that_is_not_what_was_announced_is_refused),
		cmocka_unit_test(an_endless_manifest_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
