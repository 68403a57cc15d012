#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/url.h"

static void a_url_is_taken_apart(void **state)
{
	AUTO(url_release) struct url u = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(url_parse("HTTPS://Host.X:8443/a?b=c#d", &u, &err), 0);
	assert_true(u.https);
	assert_string_equal(u.authority, "host.x:8443");
	assert_string_equal(u.host, "host.x");
	assert_int_equal(u.port, 8443);
	assert_string_equal(u.path, "/a?b=c");
}

static void default_ports_and_brackets_are_understood(void **state)
{
	AUTO(url_release) struct url a = { 0 }, b = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(url_parse("http://[::1]", &a, &err), 0);
	assert_string_equal(a.host, "::1");
	assert_int_equal(a.port, 80);
	assert_string_equal(a.path, "/");
	assert_int_equal(url_parse("http://[::1]:80/x", &b, &err), 0);
	assert_true(url_same_origin(&a, &b));
}

static void hostile_urls_are_refused(void **state)
{
	static const char *const urls[] = {
		"",
		"file:///etc/passwd",
		"ftp://host/",
		"//host/",
		"http:///x",
		"http://user@host/",
		"http://user:pw@host/",
		"http://good.x\\@evil.x/",
		"http://host:0/",
		"http://host:99999/",
		"http://host:80:90/",
		"http://[::1/",
		"http://[::1]x/",
		"http://host/a b",
		"http://host/\r\nX: y",
		"http://host/\xc3\xa9",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct url u = { 0 };
		struct error err = ERROR_INIT;

		if (url_parse(urls[i], &u, &err) == 0)
			fail_msg("'%s' was accepted", urls[i]);
		assert_int_equal(err.kind, ERROR_REFUSED);
	}
}

static void locations_are_resolved_against_what_answered(void **state)
{
	static const struct {
		const char *location, *full;
	} cases[] = {
		{ "/v2/x?_state=a", "https://h:1/v2/x?_state=a" },
		{ "https://other/x", "https://other/x" },
		{ "//other/x", "https://other/x" },
		{ "?a=b", "https://h:1/dir/page?a=b" },
		{ "next", "https://h:1/dir/next" },
		{ "x:80/y", NULL },
	};
	AUTO(url_release) struct url base = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(url_parse("https://h:1/dir/page?q=/z", &base, &err),
			 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(url_release) struct url u = { 0 };
		int got = url_resolve(&base, cases[i].location, &u, &err);

		assert_int_equal(got, cases[i].full ? 0 : -1);
		if (cases[i].full)
			assert_string_equal(u.text, cases[i].full);
	}
}

static void addresses_of_this_machine_are_recognised(void **state)
{
	static const struct {
		const char *host;
		enum url_place place;
	} cases[] = {
		{ "localhost", URL_LOOPBACK },
		{ "Registry.localhost.", URL_LOOPBACK },
		{ "notlocalhost", URL_ELSEWHERE },
		{ "LOCALHOST", URL_LOOPBACK },
		{ "127.0.0.1", URL_LOOPBACK },
		{ "127.8.9.10", URL_LOOPBACK },
		{ "127.1", URL_LOOPBACK },
		{ "0x7f000001", URL_LOOPBACK },
		{ "2130706433", URL_LOOPBACK },
		{ "0.0.0.0", URL_LOOPBACK },
		{ "::1", URL_LOOPBACK },
		{ "::", URL_LOOPBACK },
		{ "::ffff:127.0.0.1", URL_LOOPBACK },
		{ "169.254.169.254", URL_LINK_LOCAL },
		{ "fe80::1%eth0", URL_LINK_LOCAL },
		{ "::ffff:169.254.1.1", URL_LINK_LOCAL },
		{ "localhost.evil.x", URL_ELSEWHERE },
		{ "127.0.0.1.evil.x", URL_ELSEWHERE },
		{ "10.0.0.1", URL_ELSEWHERE },
		{ "registry.example", URL_ELSEWHERE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (url_host_place(cases[i].host) != cases[i].place)
			fail_msg("%s", cases[i].host);
}

static void queries_are_escaped(void **state)
{
	AUTO(buf_release) struct buf url = BUF_INIT;

	(void)state;
	buf_append_str(&url, "https://h/x");
	url_add_query(&url, "scope", "repository:a/b:pull,push");
	url_add_query(&url, "a", "x&y=\xc3\xa9");
	assert_string_equal(url.data,
			    "https://h/x?scope=repository%3Aa%2Fb%3Apull%2C"
			    "push&a=x%26y%3D%C3%A9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_taken_apart),
		cmocka_unit_test(default_ports_and_brackets_are_understood),
		cmocka_unit_test(hostile_urls_are_refused),
		cmocka_unit_test(locations_are_resolved_against_what_answered),
		cmocka_unit_test(addresses_of_this_machine_are_recognised),
		cmocka_unit_test(queries_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
