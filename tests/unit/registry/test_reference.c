#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/reference.h"
#include "store/base/buf.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_full(const char *text, const char *full)
{
	AUTO(reference_release) struct reference r = { 0 };
	autofree char *got = NULL;
	struct error err = ERROR_INIT;

	if (reference_parse(text, &r, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	got = reference_format(&r, &err);
	assert_non_null(got);
	assert_string_equal(got, full);
}

static void assert_refused(const char *text, const char *reason)
{
	struct reference r = { 0 };
	struct error err = ERROR_INIT;
	char message[512];

	if (reference_parse(text, &r, &err) == 0)
		fail_msg("'%s' was accepted", text);
	assert_int_equal(err.kind, ERROR_USAGE);
	error_message(&err, message, sizeof(message));
	if (!strstr(message, reason))
		fail_msg("'%s': \"%s\" lacks \"%s\"", text, message, reason);
}

static void short_names_get_docker_hubs_defaults(void **state)
{
	(void)state;
	assert_full("alpine", "docker.io/library/alpine:latest");
	assert_full("u/app:1", "docker.io/u/app:1");
	assert_full("docker.io/alpine", "docker.io/library/alpine:latest");
	assert_full("index.docker.io/alpine",
		    "docker.io/library/alpine:latest");
	assert_full("foo/bar/baz", "docker.io/foo/bar/baz:latest");
	assert_full("localhost:5000", "docker.io/library/localhost:5000");
}

static void hosts_are_told_from_paths(void **state)
{
	(void)state;
	assert_full("localhost/x", "localhost/x:latest");
	assert_full("host:5000/a/b", "host:5000/a/b:latest");
	assert_full("my.reg/a", "my.reg/a:latest");
	assert_full("REG/a", "REG/a:latest");
	assert_full("[::1]:5000/a", "[::1]:5000/a:latest");
	assert_full("[::1]/a:t", "[::1]/a:t");
	assert_full("127.0.0.1:5000/a__b/c--d.e_f",
		    "127.0.0.1:5000/a__b/c--d.e_f:latest");
}

static void a_digest_decides_and_replaces_the_default_tag(void **state)
{
	AUTO(reference_release) struct reference r = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_full("a:t@sha256:" HEX, "docker.io/library/a@sha256:" HEX);
	assert_int_equal(reference_parse("a@sha256:" HEX, &r, &err), 0);
	assert_null(r.tag);
	assert_string_equal(r.digest.text, "sha256:" HEX);
}

static void wrong_references_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "empty" },
		{ HEX, "image id" },
		{ "Foo", "must be lowercase" },
		{ "host:5000/Foo", "must be lowercase" },
		{ "a b", "not allowed" },
		{ "a\n", "not allowed" },
		{ "a:", "bad tag" },
		{ "a:-x", "bad tag" },
		{ "a:b/c:", "bad tag" },
		{ "a@sha256:abc", "bad digest" },
		{ "a@sha256:../..", "bad digest" },
		{ "a@sha512:" HEX HEX, "bad digest" },
		{ "a@md5:" HEX, "bad digest" },
		{ "/a", "bad repository name" },
		{ "a/", "bad repository name" },
		{ "a//b", "bad repository name" },
		{ "a/../b", "bad repository name" },
		{ "a-/b", "bad repository name" },
		{ "a___b", "bad repository name" },
		{ "a..b", "bad repository name" },
		{ "host:/a", "bad host" },
		{ "host:x/a", "bad host" },
		{ "-host.x/a", "bad host" },
		{ "host-.x/a", "bad host" },
		{ "a..b/c", "bad host" },
		{ "[::1/a", "bad host" },
		{ "[]:5/a", "bad host" },
		{ "u:p@host.x/a", "bad digest" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(cases[i].text, cases[i].reason);
}

static void names_and_tags_have_a_largest_length(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[255 - strlen("docker.io/library/")] = '\0';
	{
		struct reference r = { 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(reference_parse(text, &r, &err), 0);
		reference_release(&r);
	}
	text[255 - strlen("docker.io/library/")] = 'a';
	text[256] = '\0';
	assert_refused(text, "longer than 255");
	memcpy(text, "x:", 2);
	text[2 + 129] = '\0';
	assert_refused(text, "bad tag");
}

static void familiar_names_are_what_users_write(void **state)
{
	static const struct {
		const char *text, *familiar;
	} cases[] = {
		{ "docker.io/library/alpine:latest", "alpine" },
		{ "alpine:3", "alpine:3" },
		{ "docker.io/library/a/b", "library/a/b" },
		{ "u/app:1", "u/app:1" },
		{ "host:5000/a:latest", "host:5000/a" },
		{ "a@sha256:" HEX, "a@sha256:" HEX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_release) struct reference r = { 0 };
		autofree char *got = NULL;
		struct error err = ERROR_INIT;

		assert_int_equal(reference_parse(cases[i].text, &r, &err), 0);
		got = reference_familiar(&r, &err);
		assert_string_equal(got, cases[i].familiar);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_names_get_docker_hubs_defaults),
		cmocka_unit_test(hosts_are_told_from_paths),
		cmocka_unit_test(a_digest_decides_and_replaces_the_default_tag),
		cmocka_unit_test(wrong_references_are_refused_with_the_reason),
		cmocka_unit_test(names_and_tags_have_a_largest_length),
		cmocka_unit_test(familiar_names_are_what_users_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
