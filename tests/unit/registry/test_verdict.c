#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/printable.h"
#include "registry/reply_error.h"
#include "registry/verdict.h"

static enum http_verdict judge(int status, const char *retry_after,
			       int64_t *wait_ms)
{
	const struct http_outcome o = {
		.status = status,
		.retry_after = retry_after,
		.now = 784111777, /* Sun, 06 Nov 1994 08:49:37 GMT */
	};

	return http_judge(&o, wait_ms);
}

static void statuses_are_judged(void **state)
{
	static const struct {
		int status;
		enum http_verdict verdict;
	} cases[] = {
		{ 200, HTTP_DONE },	    { 202, HTTP_DONE },
		{ 206, HTTP_DONE },	    { 307, HTTP_REDIRECT },
		{ 304, HTTP_FAIL },	    { 400, HTTP_FAIL },
		{ 401, HTTP_AUTHENTICATE }, { 403, HTTP_FAIL },
		{ 404, HTTP_FAIL },	    { 408, HTTP_RETRY },
		{ 413, HTTP_FAIL },	    { 416, HTTP_FAIL },
		{ 429, HTTP_RETRY },	    { 500, HTTP_RETRY },
		{ 501, HTTP_FAIL },	    { 502, HTTP_RETRY },
		{ 503, HTTP_RETRY },	    { 504, HTTP_RETRY },
	};
	int64_t wait_ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (judge(cases[i].status, NULL, &wait_ms) != cases[i].verdict)
			fail_msg("status %d", cases[i].status);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	int64_t wait_ms;

	(void)state;
	assert_int_equal(judge(429, "7", &wait_ms), HTTP_RETRY);
	assert_int_equal(wait_ms, 7000);
	assert_int_equal(judge(503, "Sun, 06 Nov 1994 08:49:50 GMT", &wait_ms),
			 HTTP_RETRY);
	assert_int_equal(wait_ms, 13000);
	assert_int_equal(judge(503, "Sun, 06 Nov 1994 08:00:00 GMT", &wait_ms),
			 HTTP_RETRY);
	assert_int_equal(wait_ms, 0);
	assert_int_equal(judge(429, "soon", &wait_ms), HTTP_RETRY);
	assert_int_equal(wait_ms, -1);
}

static void hours_are_not_waited_for(void **state)
{
	int64_t wait_ms;

	(void)state;
	assert_int_equal(judge(429, "3600", &wait_ms), HTTP_FAIL);
	assert_int_equal(judge(429, "99999999999999999999", &wait_ms),
			 HTTP_FAIL);
}

static void failures_that_pass_are_tried_again(void **state)
{
	static const struct {
		enum http_failure failure;
		enum http_verdict verdict;
	} cases[] = {
		{ HTTP_UNRESOLVED, HTTP_RETRY },
		{ HTTP_UNREACHABLE, HTTP_RETRY },
		{ HTTP_NO_TLS, HTTP_RETRY },
		{ HTTP_UNTRUSTED, HTTP_FAIL },
		{ HTTP_BROKEN, HTTP_RETRY },
		{ HTTP_STALLED, HTTP_RETRY },
		{ HTTP_OWN_FAULT, HTTP_FAIL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_outcome o = { .failure = cases[i].failure };
		int64_t wait_ms;

		assert_int_equal(http_judge(&o, &wait_ms), cases[i].verdict);
	}
}

static void waits_double_up_to_a_minute(void **state)
{
	(void)state;
	assert_int_equal(http_backoff_ms(2000, 1, 0), 2000);
	assert_int_equal(http_backoff_ms(2000, 2, 0), 4000);
	assert_int_equal(http_backoff_ms(2000, 5, 0), 32000);
	assert_int_equal(http_backoff_ms(2000, 6, 0), 60000);
	assert_int_equal(http_backoff_ms(2000, 4000000000u, 0), 60000);
	for (unsigned r = 0; r < 1000; r++) {
		int64_t wait = http_backoff_ms(2000, 1, r);

		assert_true(wait > 1500 && wait <= 2000);
	}
}

static void assert_words(const char *body, const char *words)
{
	char text[200];

	reply_error_text(body, strlen(body), text, sizeof(text));
	assert_string_equal(text, words);
}

static void a_registrys_own_words_are_found(void **state)
{
	(void)state;
	assert_words("{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no way\","
		     "\"detail\":null}]}",
		     "no way");
	assert_words(
		"{\"errors\":[{\"code\":\"A\"},{\"code\":\"B\",\"message\":"
		"\"b\",\"detail\":\"because\"}]}",
		"A; b: because");
	assert_words("{\"details\":\"incorrect password\"}",
		     "incorrect password");
	assert_words("{\"message\":\"m\"}", "m");
	assert_words("plain text\r\n", "plain text");
	assert_words("<html>nothing useful</html>", "");
	assert_words("<html>\n<head><TITLE>502 Bad\n Gateway</TITLE></head>",
		     "502 Bad Gateway");
	assert_words("<title>cut o", "cut o");
	assert_words("{\"errors\":\"x\"}", "");
	assert_words("", "");
}

static void foreign_text_cannot_drive_a_terminal(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "a\x1b[31mb\x07", "a?[31mb?" },
		{ "a\r\nb\t\tc ", "a b c" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "31m",
		  "??31m" },
		{ "\xff\xc3", "??" },
		{ "\x7f\xe2\x81\xa6", "????" },
		{ "\xe2\x80\xa9", "\xe2\x80\xa9" },
		{ "a\xe2\x80\xae"
		  "b",
		  "a???b" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(printable(text, sizeof(text), cases[i].text,
					      strlen(cases[i].text)),
				    cases[i].shown);
	assert_string_equal(printable(text, 4, "ab\xe2\x82\xac", 5), "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses_are_judged),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(hours_are_not_waited_for),
		cmocka_unit_test(failures_that_pass_are_tried_again),
		cmocka_unit_test(waits_double_up_to_a_minute),
		cmocka_unit_test(a_registrys_own_words_are_found),
		cmocka_unit_test(foreign_text_cannot_drive_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
