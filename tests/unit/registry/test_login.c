#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/login.h"
#include "store/base/buf.h"
#include "store/base/io.h"

static char dir[] = "/tmp/shale-login-XXXXXX";

static void write_config(const char *text)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_printf(&path, "%s/config.json", dir);
	if (io_replace_file(AT_FDCWD, path.data, text, strlen(text), 0600,
			    false, &err) < 0)
		fail_msg("%s", err.text);
}

static void assert_config(const char *expected)
{
	AUTO(buf_release) struct buf path = BUF_INIT, text = BUF_INIT;
	struct error err = ERROR_INIT;
	char *to;

	buf_printf(&path, "%s/config.json", dir);
	if (io_read_file(AT_FDCWD, path.data, 1 << 20, &text, &err) < 0)
		fail_msg("%s", err.text);
	/* However it is indented. */
	to = text.data;
	for (const char *from = text.data; *from; from++)
		if (*from != ' ' && *from != '\n')
			*to++ = *from;
	*to = '\0';
	assert_string_equal(text.data, expected);
}

static const struct credentials_options options = { .config_dir = dir,
						    .helper_timeout_ms = 5000 };

static void store(const char *domain)
{
	const struct credential c = { .username = (char *)"u",
				      .password = (char *)"p:1" };
	autofree char *where = NULL;
	struct error err = ERROR_INIT;

	if (login_store(&options, domain, &c, &where, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(where);
}

static void a_host_is_told_in_several_ways(void **state)
{
	static const struct {
		const char *text, *domain;
	} cases[] = {
		{ NULL, "docker.io" },
		{ "docker.io", "docker.io" },
		{ "index.docker.io", "docker.io" },
		{ "https://index.docker.io/v1/", "docker.io" },
		{ "r.example", "r.example" },
		{ "R.Example:5000/", "r.example:5000" },
		{ "http://localhost", "localhost" },
		{ "[::1]:5000", "[::1]:5000" },
		{ "word", NULL },
		{ "", NULL },
		{ "r.example/team", NULL },
		{ "u:p@r.example", NULL },
		{ "ftp://r.example", NULL },
		{ "r.example\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = ERROR_INIT;
		autofree char *domain = login_domain(cases[i].text, &err);

		if (!cases[i].domain) {
			assert_null(domain);
			assert_int_equal(err.kind, ERROR_USAGE);
		} else if (!domain) {
			fail_msg("%s: %s", cases[i].text, err.text);
		} else {
			assert_string_equal(domain, cases[i].domain);
		}
	}
}

static void an_entry_is_added_to_what_is_there(void **state)
{
	(void)state;
	write_config("{\"a\":[1],\"auths\":{\"x.example\":{\"auth\":\"YQ==\"}},"
		     "\"z\":{}}");
	store("r.example");
	assert_config("{\"a\":[1],\"auths\":{\"x.example\":{\"auth\":\"YQ==\"},"
		      "\"r.example\":{\"auth\":\"dTpwOjE=\"}},\"z\":{}}");
}

static void a_new_entry_replaces_all_forms_of_the_host(void **state)
{
	(void)state;
	write_config("{\"auths\":{\"docker.io\":{},\"index.docker.io\":{},"
		     "\"docker.io/team\":{}}}");
	store("docker.io");
	assert_config("{\"auths\":{\"docker.io/team\":{},"
		      "\"https://index.docker.io/v1/\":"
		      "{\"auth\":\"dTpwOjE=\"}}}");
}

static void a_damaged_file_is_left_alone(void **state)
{
	static const char *const damaged[] = { "{\"auths\":", "[]" };
	const struct credential c = { .username = (char *)"u",
				      .password = (char *)"p" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		autofree char *where = NULL;
		struct error err = ERROR_INIT;

		write_config(damaged[i]);
		assert_int_equal(
			login_store(&options, "r.example", &c, &where, &err),
			-1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_config(damaged[i]);
	}
}

static void a_helper_that_fails_leaves_the_file_alone(void **state)
{
	static const char text[] =
		"{\"credHelpers\":{\"r.example\":\"absent\"}}";
	const struct credential c = { .username = (char *)"u",
				      .password = (char *)"p" };
	autofree char *where = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	write_config(text);
	assert_int_equal(login_store(&options, "r.example", &c, &where, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_config(text);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct error err;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_told_in_several_ways),
		cmocka_unit_test(an_entry_is_added_to_what_is_there),
		cmocka_unit_test(a_new_entry_replaces_all_forms_of_the_host),
		cmocka_unit_test(a_damaged_file_is_left_alone),
		cmocka_unit_test(a_helper_that_fails_leaves_the_file_alone),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
