/* Blobs and manifests on their way to a scripted registry. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registry.h"
#include "registry/upload.h"
#include "store/base/io.h"
#include "store/blob.h"
#include "store/image.h"
#include "tests/unit/registry/script.h"

#define DATA "0123456789"
#define HEX  "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
#define BLOB "https://r.x/v2/a/blobs/"
#define PUT_DATA                                                               \
	"PUT https://r.x/up?s=1&digest=sha256%3A" HEX                          \
	" | Content-Type: application/octet-stream > " DATA
#define HEAD_DATA "HEAD " BLOB "sha256:" HEX

static char dir[] = "/tmp/shale-upload-XXXXXX";

/* Make DATA present in r.x/a; `local`: it is in the store. */
static int send_data(struct script *s, const char *origin, bool local,
		     struct error *err)
{
	AUTO(registry_free) struct registry *r = script_client(s, NULL);
	AUTO(store_close) struct store *store = NULL;
	AUTO(batch_free) struct batch *b = NULL;
	struct descriptor desc = { .size = strlen(DATA) };
	struct upload u = {
		.r = r, .repository = "a", .desc = &desc, .origin = origin
	};

	if (store_open(dir, &store, err) < 0 || batch_new(store, &b, err) < 0)
		fail_msg("%s", err->text);
	if (local)
		assert_int_equal(blob_put(b, DATA, strlen(DATA), NULL, err), 0);
	u.b = b;
	digest_bytes(DATA, strlen(DATA), &desc.digest);
	assert_int_equal(client_host(r, "r.x", &u.host, err), 0);
	return upload_blob(&u, err);
}

static void assert_sent(const struct act *acts, size_t n, const char *origin,
			bool local, const char *lines)
{
	AUTO(script_release) struct script s = { .acts = acts, .n = n };
	struct error err = ERROR_INIT;
	char message[512];

	if (send_data(&s, origin, local, &err) < 0)
		fail_msg("%s", error_message(&err, message, sizeof(message)));
	assert_log(&s, lines);
}

#define ACCEPTED                                                               \
	{                                                                      \
		.status = 202, .headers = "Location: /up?s=1"                  \
	}

static void what_is_there_is_not_sent(void **state)
{
	static const struct act acts[] = { { 0 }, { 0 } };

	(void)state;
	assert_sent(acts, 2, NULL, true, "GET https://r.x/v2/\n" HEAD_DATA);
}

static void a_blob_is_sent_from_the_store(void **state)
{
	static const struct act acts[] = {
		{ 0 }, { .status = 404 }, ACCEPTED, { .status = 201 }
	};

	(void)state;
	assert_sent(acts, 4, NULL, true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA);
}

static void a_blob_of_a_neighbour_is_mounted(void **state)
{
	static const struct act acts[] = { { 0 },
					   { .status = 404 },
					   { .status = 201 } };

	(void)state;
	assert_sent(acts, 3, "r.x/base/b", false,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/?mount=sha256%3A" HEX
		    "&from=base%2Fb");
}

static void a_mount_that_is_denied_becomes_an_upload(void **state)
{
	static const struct act acts[] = {
		{ 0 },	  { .status = 404 }, { .status = 403 },
		ACCEPTED, { .status = 201 },
	};

	(void)state;
	assert_sent(acts, 5, "r.x/base", true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/?mount=sha256%3A" HEX "&from=base\n"
		    "POST " BLOB "uploads/\n" PUT_DATA);
}

static void a_remote_blob_is_streamed_from_its_origin(void **state)
{
	static const struct act acts[] = {
		{ 0 }, { .status = 404 }, ACCEPTED,
		{ 0 }, { .body = DATA },  { .status = 201 },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 6 };
	struct error err = ERROR_INIT;

	(void)state;
	/* The request is written down while it is being made. */
	assert_int_equal(send_data(&s, "o.x/base", false, &err), 0);
	assert_log(&s,
		   "GET https://r.x/v2/\n" HEAD_DATA "\n"
		   "POST " BLOB "uploads/\n"
		   "GET https://o.x/v2/\n"
		   "GET https://o.x/v2/base/blobs/sha256:" HEX "\n" PUT_DATA);
}

#define ASK_HOW_FAR "GET https://r.x/up?s=1"

static void an_upload_that_was_forgotten_is_begun_again(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED,
		{ .failure = HTTP_BROKEN },
		{ .status = 404 },
		{ .status = 404 },
		ACCEPTED,
		{ .status = 201 },
	};

	(void)state;
	assert_sent(acts, 8, NULL, true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA "\n" HEAD_DATA
		    "\n" ASK_HOW_FAR "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA);
}

static void a_lost_upload_goes_on_where_the_registry_is(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED,
		{ .failure = HTTP_BROKEN },
		{ .status = 404 },
		{ .status = 204, .headers = "Range: 0-3\nLocation: /up?s=2" },
		{ .status = 202, .headers = "Location: /up?s=3" },
		{ .status = 201 },
	};

	(void)state;
	assert_sent(acts, 8, NULL, true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA "\n" HEAD_DATA
		    "\n" ASK_HOW_FAR "\n"
		    "PATCH https://r.x/up?s=2 | Content-Type: "
		    "application/octet-stream | Content-Range: 4-9 > 456789\n"
		    "PUT https://r.x/up?s=3&digest=sha256%3A" HEX);
}

static void too_large_a_request_is_cut_up(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED,
		{ .status = 413 },
		{ .status = 202, .headers = "Location: /up?s=2" },
		{ .status = 201 },
	};

	(void)state;
	assert_sent(acts, 6, NULL, true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA "\n"
		    "PATCH https://r.x/up?s=1 | Content-Type: "
		    "application/octet-stream | Content-Range: 0-9 > " DATA "\n"
		    "PUT https://r.x/up?s=2&digest=sha256%3A" HEX);
}

#define ACCEPTED_WITH_MINIMUM(bytes)                                           \
	{                                                                      \
		.status = 202,                                                 \
		.headers = "Location: /up?s=1\nOCI-Chunk-Min-Length: " bytes   \
	}

/* Every request is refused as too large; `n` of them may come. */
static void assert_gives_up(const struct act *acts, size_t n, const char *why)
{
	AUTO(script_release) struct script s = { .acts = acts, .n = n };
	struct error err = ERROR_INIT;

	assert_int_equal(send_data(&s, NULL, true, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
	assert_int_equal(s.next, n);
}

static void no_chunk_is_shorter_than_the_registry_wants(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED_WITH_MINIMUM("40000000"),
		{ .status = 413 }, /* all of it, then 64 MiB, then this */
		{ .status = 413 },
		{ .status = 413 },
	};

	(void)state;
	assert_gives_up(acts, 6,
			"r.x: 413 Content Too Large even for 40000000 bytes, "
			"its own OCI-Chunk-Min-Length");
}

static void a_minimum_above_what_is_tried_first_is_tried(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED_WITH_MINIMUM("100000000"),
		{ .status = 413 },
		{ .status = 413 },
	};

	(void)state;
	assert_gives_up(acts, 5, "even for 100000000 bytes");
}

static void a_minimum_beyond_measure_is_an_error_that_names_it(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED_WITH_MINIMUM("99999999999"),
		{ .status = 413 },
	};

	(void)state;
	assert_gives_up(acts, 4,
			"no chunk to be shorter than 99999999999 bytes "
			"(OCI-Chunk-Min-Length); at most 1073741824");
}

static void a_minimum_that_is_no_number_is_none(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED_WITH_MINIMUM("much"),
		{ .status = 413 },
		{ .status = 413 },
		{ .status = 413 },
		{ .status = 413 },
		{ .status = 413 },
		{ .status = 413 },
		{ .status = 413 },
		{ .status = 413 },
	};

	(void)state;
	assert_gives_up(acts, 11, "even for 1048576 bytes");
}

/* ---- layers that are made as they go ---- */

/* An empty layer has its tar only: nobody has compressed it yet. */
static int send_layer(struct script *s, const struct descriptor *known,
		      struct descriptor *made, struct error *err)
{
	static const struct layer_format plain = {
		.compression = { COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT }
	};
	AUTO(registry_free) struct registry *r = script_client(s, NULL);
	AUTO(store_close) struct store *store = NULL;
	AUTO(batch_free) struct batch *b = NULL;
	AUTO(layer_unref) struct layer *l = NULL;
	struct upload u = {
		.r = r, .repository = "a", .format = &plain, .desc = known
	};
	struct digest diff_id, known_diff_id;
	int status;

	if (store_open(dir, &store, err) < 0 || batch_new(store, &b, err) < 0 ||
	    layer_empty(b, &l, err) < 0)
		fail_msg("%s", err->text);
	u.b = b;
	u.layer = l;
	assert_int_equal(layer_diff_id(l, &known_diff_id, err), 0);
	if (known)
		u.diff_id = &known_diff_id;
	assert_int_equal(client_host(r, "r.x", &u.host, err), 0);
	status = upload_layer(&u, made, &diff_id, err);
	if (status == 0)
		assert_string_equal(diff_id.text, known_diff_id.text);
	return status;
}

#define EMPTY_HEX                                                              \
	"5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

static void a_layer_is_named_when_all_of_it_was_sent(void **state)
{
	static const struct act acts[] = { { 0 },
					   ACCEPTED,
					   { .status = 202,
					     .headers = "Location: /up?s=2" },
					   { .status = 201 } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 4 };
	AUTO(descriptor_release) struct descriptor made = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(send_layer(&s, NULL, &made, &err), 0);
	assert_string_equal(made.digest.text, "sha256:" EMPTY_HEX);
	assert_int_equal(made.size, 1024);
	assert_string_equal(s.log.items[1], "POST " BLOB "uploads/");
	/* Of unknown length: it says no range. Zeros end the log's line. */
	assert_string_equal(s.log.items[2],
			    "PATCH https://r.x/up?s=1 | Content-Type: "
			    "application/octet-stream > ");
	assert_string_equal(
		s.log.items[3],
		"PUT https://r.x/up?s=2&digest=sha256%3A" EMPTY_HEX);
}

static void a_layer_that_was_sent_before_is_asked_for_first(void **state)
{
	static const struct act acts[] = { { 0 }, { 0 } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 2 };
	AUTO(descriptor_release) struct descriptor made = { 0 };
	struct descriptor known = {
		.media_type = (char *)"application/"
				      "vnd.oci.image.layer.v1.tar",
		.size = strlen(DATA),
	};
	struct error err = ERROR_INIT;

	(void)state;
	digest_bytes(DATA, strlen(DATA), &known.digest);
	assert_int_equal(send_layer(&s, &known, &made, &err), 0);
	assert_string_equal(made.digest.text, "sha256:" HEX);
	assert_log(&s, "GET https://r.x/v2/\n" HEAD_DATA);
}

static void a_lost_layer_is_made_again_from_where_the_registry_is(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		ACCEPTED,
		{ .failure = HTTP_STALLED },
		{ .status = 204, .headers = "Range: bytes=0-999" },
		{ .status = 202, .headers = "Location: /up?s=2" },
		{ .failure = HTTP_BROKEN }, /* closing it */
		{ .status = 404 },
		{ .status = 204, .headers = "Range: 0-1023" },
		{ .status = 201 },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 9 };
	AUTO(descriptor_release) struct descriptor made = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(send_layer(&s, NULL, &made, &err), 0);
	assert_string_equal(made.digest.text, "sha256:" EMPTY_HEX);
	assert_string_equal(s.log.items[3], ASK_HOW_FAR);
	assert_string_equal(s.log.items[7], "GET https://r.x/up?s=2");
	assert_string_equal(
		s.log.items[8],
		"PUT https://r.x/up?s=2&digest=sha256%3A" EMPTY_HEX);
}

static void an_upload_that_arrived_after_all_is_not_repeated(void **state)
{
	static const struct act acts[] = {
		{ 0 }, { .status = 404 }, ACCEPTED, { .status = 504 }, { 0 },
	};

	(void)state;
	assert_sent(acts, 5, NULL, true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA "\n" HEAD_DATA);
}

static void the_registrys_own_http_address_is_https_for_us(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		{ .status = 202, .headers = "Location: http://r.x/up?s=1" },
		{ .status = 201 },
	};

	(void)state;
	assert_sent(acts, 4, NULL, true,
		    "GET https://r.x/v2/\n" HEAD_DATA "\n"
		    "POST " BLOB "uploads/\n" PUT_DATA);
}

static void wrong_bytes_of_an_origin_are_not_sent_on(void **state)
{
	static const struct act acts[] = {
		{ 0 },	  { .status = 404 },	    ACCEPTED,
		{ 0 },	  { .body = "0123456780" }, { .status = 404 },
		ACCEPTED, { .body = "0123456780" },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 8 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(send_data(&s, "o.x/base", false, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	assert_int_equal(s.next, 8);
}

/* ---- a whole push ---- */

static int push(struct script *s, const char *name, struct error *err)
{
	const struct registry_options one_at_a_time = { .parallel = 1 };
	AUTO(registry_free)
	struct registry *r = script_client(s, &one_at_a_time);
	AUTO(store_close) struct store *store = NULL;
	AUTO(batch_free) struct batch *b = NULL;
	AUTO(reference_release) struct reference ref = { 0 };
	AUTO(descriptor_release)
	struct descriptor desc = { .media_type = strdup(MEDIA_OCI_MANIFEST) };
	struct digest digest;
	char text[1024];

	if (store_open(dir, &store, err) < 0 || batch_new(store, &b, err) < 0)
		fail_msg("%s", err->text);
	assert_int_equal(blob_put(b, DATA, strlen(DATA), &digest, err), 0);
	/* No image: its only blob is its config. */
	snprintf(text, sizeof(text),
		 "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{"
		 "\"mediaType\":\"application/x\",\"digest\":\"%s\","
		 "\"size\":%zu},\"layers\":[]}",
		 MEDIA_OCI_MANIFEST, digest.text, strlen(DATA));
	assert_int_equal(blob_put(b, text, strlen(text), &desc.digest, err), 0);
	assert_int_equal(reference_parse(name, &ref, err), 0);
	return registry_push(r, b, &desc, &ref, err);
}

static void the_tag_comes_last(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		ACCEPTED,
		{ .status = 201 },
		{ .status = 201 },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 5 };
	struct error err = ERROR_INIT;
	char message[512];

	(void)state;
	if (push(&s, "r.x/a:t", &err) < 0)
		fail_msg("%s", error_message(&err, message, sizeof(message)));
	assert_int_equal(s.log.len, 5);
	assert_string_equal(s.log.items[3], PUT_DATA);
	assert_non_null(strstr(s.log.items[4],
			       "PUT https://r.x/v2/a/manifests/t | "
			       "Content-Type: " MEDIA_OCI_MANIFEST " > {"));
}

static void a_blob_that_fails_moves_no_tag(void **state)
{
	static const struct act acts[] = { { 0 },
					   { .status = 404 },
					   ACCEPTED,
					   { .status = 400,
					     .body = "digest invalid" } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 4 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(push(&s, "r.x/a:t", &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_non_null(strstr(err.text, "400 Bad Request: digest invalid"));
	assert_int_equal(s.next, 4);
}

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_is_not_sent),
		TEST(a_blob_is_sent_from_the_store),
		TEST(a_blob_of_a_neighbour_is_mounted),
		TEST(a_mount_that_is_denied_becomes_an_upload),
		TEST(a_remote_blob_is_streamed_from_its_origin),
		TEST(an_upload_that_was_forgotten_is_begun_again),
		TEST(a_lost_upload_goes_on_where_the_registry_is),
		TEST(too_large_a_request_is_cut_up),
		TEST(no_chunk_is_shorter_than_the_registry_wants),
		TEST(a_minimum_above_what_is_tried_first_is_tried),
		TEST(a_minimum_beyond_measure_is_an_error_that_names_it),
		TEST(a_minimum_that_is_no_number_is_none),
		TEST(a_layer_is_named_when_all_of_it_was_sent),
		TEST(a_layer_that_was_sent_before_is_asked_for_first),
		TEST(a_lost_layer_is_made_again_from_where_the_registry_is),
		TEST(an_upload_that_arrived_after_all_is_not_repeated),
		TEST(the_registrys_own_http_address_is_https_for_us),
		TEST(wrong_bytes_of_an_origin_are_not_sent_on),
		TEST(the_tag_comes_last),
		TEST(a_blob_that_fails_moves_no_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
