#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "registry/download.h"
#include "registry/url.h"
#include "tests/unit/registry/script.h"

#define OLD "Last-Modified: Mon, 02 Jan 2006 15:04:05 GMT"

/* One download by a script. */
struct lab {
	struct script script;
	struct download_request rq;
	struct downloaded got;
	struct buf bytes;
	char message[2048]; /* "" when it succeeded */
};

static void run(struct lab *lab, const struct act *acts, size_t n)
{
	AUTO(registry_free) struct registry *r = NULL;
	autoclose int fd = memfd_create("download", MFD_CLOEXEC);
	struct error err = ERROR_INIT;
	char data[4096];
	ssize_t len;

	lab->script = (struct script){ .acts = acts, .n = n };
	if (!lab->rq.max_bytes)
		lab->rq.max_bytes = 1 << 20;
	r = script_client(&lab->script, NULL);
	if (download(r, &lab->rq, fd, &lab->got, &err) < 0)
		error_message(&err, lab->message, sizeof(lab->message));
	while ((len = pread(fd, data, sizeof(data), (off_t)lab->bytes.len)) > 0)
		buf_append(&lab->bytes, data, (size_t)len);
}

static void lab_release(struct lab *lab)
{
	script_release(&lab->script);
	downloaded_release(&lab->got);
	buf_release(&lab->bytes);
}
DEFINE_RELEASE(struct lab, lab_release);

#define LAB(...)                                                               \
	AUTO(lab_release)                                                      \
	struct lab lab = { .rq = { __VA_ARGS__ } }

static void the_file_its_digest_and_its_times_are_given(void **state)
{
	const struct act acts[] = {
		{ .headers = OLD "\nETag: \"one\"", .body = "hello" },
	};
	struct digest want;

	(void)state;
	LAB(.url = "https://h/file");
	run(&lab, acts, 1);
	assert_string_equal(lab.message, "");
	assert_string_equal(lab.bytes.data, "hello");
	digest_bytes("hello", 5, &want);
	assert_string_equal(lab.got.digest.text, want.text);
	assert_int_equal(lab.got.size_bytes, 5);
	assert_int_equal(lab.got.mtime, 1136214245);
	assert_string_equal(lab.got.etag, "\"one\"");
	assert_string_equal(lab.got.last_modified, OLD + 15);
}

static void a_weak_etag_proves_nothing(void **state)
{
	const struct act acts[] = { { .headers = "ETag: W/\"one\"" } };

	(void)state;
	LAB(.url = "https://h/file");
	run(&lab, acts, 1);
	assert_null(lab.got.etag);
	assert_null(lab.got.last_modified);
	assert_int_equal(lab.got.size_bytes, 0);
}

static void an_unchanged_file_is_not_sent_again(void **state)
{
	const struct act acts[] = { { .status = 304 } };

	(void)state;
	LAB(.url = "https://h/file", .etag = "\"one\"");
	run(&lab, acts, 1);
	assert_string_equal(lab.message, "");
	assert_true(lab.got.unchanged);
	assert_log(&lab.script, "GET https://h/file | If-None-Match: \"one\"");
}

static void a_304_that_nobody_asked_for_is_an_error(void **state)
{
	const struct act acts[] = { { .status = 304 } };

	(void)state;
	LAB(.url = "https://h/file");
	run(&lab, acts, 1);
	assert_string_equal(lab.message,
			    "https://h/file: invalid response status 304");
}

static void errors_name_neither_password_nor_query(void **state)
{
	const struct act acts[] = { { .status = 404 } };

	(void)state;
	LAB(.url = "https://me:sesame@h/file?signature=x");
	run(&lab, acts, 1);
	assert_string_equal(
		lab.message,
		"https://me:xxxxx@h/file: invalid response status 404");
	assert_log(&lab.script, "GET https://h/file?signature=x | "
				"Authorization: Basic bWU6c2VzYW1l");
}

static void credentials_stay_with_their_server(void **state)
{
	const struct act acts[] = {
		{ .status = 302, .headers = "Location: /other" },
		{ .status = 307, .headers = "Location: https://cdn/x" },
		{ .body = "x" },
	};

	(void)state;
	LAB(.url = "https://h/file", .authorization = "Bearer t\n");
	run(&lab, acts, 3);
	assert_string_equal(lab.message, "");
	assert_log(&lab.script,
		   "GET https://h/file | Authorization: Bearer t\n"
		   "GET https://h/other | Authorization: Bearer t\n"
		   "GET https://cdn/x");
}

static void a_redirect_may_not_lower_the_guard(void **state)
{
	static const struct {
		const char *to;
		const char *message;
	} cases[] = {
		{ "http://h/file", "https://h/file: h redirects to plain HTTP, "
				   "'h'" },
		{ "https://169.254.169.254/", "https://h/file: h redirects to "
					      "a local address, "
					      "'169.254.169.254'" },
		{ "https://127.1/", "https://h/file: h redirects to a local "
				    "address, '127.1'" },
		{ "file:///etc/passwd", "https://h/file: refused the URL "
					"'file:///etc/passwd': only http and "
					"https are spoken" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char location[128];
		const struct act acts[] = {
			{ .status = 302, .headers = location },
		};

		LAB(.url = "https://h/file");
		snprintf(location, sizeof(location), "Location: %s",
			 cases[i].to);
		run(&lab, acts, 1);
		assert_string_equal(lab.message, cases[i].message);
	}
}

static void what_is_verified_may_come_over_plain_http(void **state)
{
	const struct act acts[] = {
		{ .status = 302, .headers = "Location: http://mirror/file" },
		{ .body = "x" },
	};

	(void)state;
	LAB(.url = "https://h/file", .verified = true);
	run(&lab, acts, 2);
	assert_string_equal(lab.message, "");
}

static void endless_redirects_end(void **state)
{
	struct act acts[11];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		acts[i] = (struct act){ .status = 302,
					.headers = "Location: /file" };
	LAB(.url = "https://h/file");
	run(&lab, acts, ARRAY_LEN(acts));
	assert_string_equal(lab.message,
			    "https://h/file: more than 10 redirects");
}

static void a_broken_connection_starts_over(void **state)
{
	const struct act acts[] = {
		{ .status = 503 },
		{ .body = "hello", .breaks_after = 3 },
		{ .body = "hello" },
	};

	(void)state;
	LAB(.url = "https://h/file");
	run(&lab, acts, 3);
	assert_string_equal(lab.message, "");
	assert_int_equal(lab.bytes.len, 5);
	assert_string_equal(lab.bytes.data, "hello");
}

static void a_file_beyond_the_bound_is_refused(void **state)
{
	const struct act told[] = {
		{ .headers = "Content-Length: 5", .body = "hello" },
	};
	const struct act untold[] = { { .body = "hello" } };
	const char *wanted = "https://h/file: it is larger than 4 bytes";

	(void)state;
	{
		LAB(.url = "https://h/file", .max_bytes = 4);
		run(&lab, told, 1);
		assert_string_equal(lab.message, wanted);
	}
	{
		LAB(.url = "https://h/file", .max_bytes = 4);
		run(&lab, untold, 1);
		assert_string_equal(lab.message, wanted);
	}
}

static void passwords_are_redacted_wherever_they_stand(void **state)
{
	static const struct {
		const char *text;
		const char *redacted;
	} cases[] = {
		{ "ADD https://u:p@h/x /d", "ADD https://u:xxxxx@h/x /d" },
		{ "https://token@h/x", "https://xxxxx@h/x" },
		{ "HTTP://a:p@s:s@h", "HTTP://a:xxxxx@h" },
		{ "ssh://git@h/x", "ssh://git@h/x" },
		{ "ssh://git:pw@h/x", "ssh://git:xxxxx@h/x" },
		{ "https://h/a@b https://t@h",
		  "https://h/a@b https://xxxxx@h" },
		{ "git@h:x.git", "git@h:x.git" },
		{ "://@", "://@" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf got = BUF_INIT;

		url_redact(&got, cases[i].text);
		assert_string_equal(got.data, cases[i].redacted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_its_digest_and_its_times_are_given),
		cmocka_unit_test(a_weak_etag_proves_nothing),
		cmocka_unit_test(an_unchanged_file_is_not_sent_again),
		cmocka_unit_test(a_304_that_nobody_asked_for_is_an_error),
		cmocka_unit_test(errors_name_neither_password_nor_query),
		cmocka_unit_test(credentials_stay_with_their_server),
		cmocka_unit_test(a_redirect_may_not_lower_the_guard),
		cmocka_unit_test(what_is_verified_may_come_over_plain_http),
		cmocka_unit_test(endless_redirects_end),
		cmocka_unit_test(a_broken_connection_starts_over),
		cmocka_unit_test(a_file_beyond_the_bound_is_refused),
		cmocka_unit_test(passwords_are_redacted_wherever_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
