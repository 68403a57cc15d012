#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/auth_file.h"
#include "registry/base64.h"

static struct auth_file *parse(const char *json)
{
	struct auth_file *f = NULL;
	struct error err = ERROR_INIT;

	if (auth_file_parse(json, strlen(json), "config.json", &f, &err) < 0)
		fail_msg("%s", err.text);
	return f;
}

/* User and password that `json` has for a repository; NULL: none. */
static void assert_user(const char *json, const char *domain, const char *path,
			const char *user, const char *password)
{
	AUTO(auth_file_free) struct auth_file *f = parse(json);
	AUTO(credential_release) struct credential c = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(auth_file_find(f, domain, path, &c, &err), 0);
	if (!user) {
		assert_false(credential_is_set(&c));
		return;
	}
	assert_non_null(c.username);
	assert_string_equal(c.username, user);
	assert_string_equal(c.password, password);
}

static void base64_round_trips(void **state)
{
	static const char *const texts[] = { "",    "a",    "ab",
					     "abc", "abcd", "\xff\xfe?>" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(buf_release) struct buf code = BUF_INIT, back = BUF_INIT;

		base64_encode(texts[i], strlen(texts[i]), &code);
		assert_int_equal(
			base64_decode(code.data ? code.data : "", &back), 0);
		assert_string_equal(back.data ? back.data : "", texts[i]);
	}
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const texts[] = { "a", "abcde", "ab=c", "a*cd",
					     "ab==\x80" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(buf_release) struct buf back = BUF_INIT;

		if (base64_decode(texts[i], &back) == 0)
			fail_msg("'%s' was accepted", texts[i]);
	}
}

/* dTpwOnE= is "u:p:q". */
static void auth_is_split_at_the_first_colon(void **state)
{
	(void)state;
	assert_user("{\"auths\":{\"h:1\":{\"auth\":\"dTpwOnE=\"}}}", "h:1", "a",
		    "u", "p:q");
	assert_user("{\"auths\":{\"h:1\":{\"auth\":\"dTpwOnEAAA==\"}}}", "h:1",
		    "a", "u", "p:q");
	assert_user("{\"auths\":{\"h:1\":{\"username\":\"v\",\"password\":"
		    "\"w\"}}}",
		    "h:1", "a", "v", "w");
}

static void keys_of_many_styles_name_a_host(void **state)
{
	static const char *const keys[] = {
		"h:1",	   "https://h:1", "http://h:1/",     "https://h:1/v1/",
		"h:1/v2/", "H:1",	  "https://h:1/v2/", "https://h:1/any",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO(buf_release) struct buf json = BUF_INIT;

		buf_printf(&json, "{\"auths\":{\"%s\":{\"auth\":\"dTpw\"}}}",
			   keys[i]);
		assert_user(json.data, "h:1", "a", "u", "p");
	}
}

static void docker_hub_goes_by_several_names(void **state)
{
	static const char *const keys[] = {
		"https://index.docker.io/v1/",
		"index.docker.io",
		"docker.io",
		"registry-1.docker.io",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO(buf_release) struct buf json = BUF_INIT;

		buf_printf(&json, "{\"auths\":{\"%s\":{\"auth\":\"dTpw\"}}}",
			   keys[i]);
		assert_user(json.data, "docker.io", "library/a", "u", "p");
	}
	assert_user("{\"auths\":{\"https://index.docker.io/v1/access-token\":"
		    "{\"auth\":\"eDp5\"},\"https://index.docker.io/v1/\":"
		    "{\"auth\":\"dTpw\"}}}",
		    "docker.io", "library/a", "u", "p");
}

static void the_longest_repository_prefix_wins(void **state)
{
	static const char json[] =
		"{\"auths\":{\"h\":{\"username\":\"host\",\"password\":\"1\"},"
		"\"h/a\":{\"username\":\"group\",\"password\":\"2\"},"
		"\"h/a/b\":{\"username\":\"repo\",\"password\":\"3\"}}}";

	(void)state;
	assert_user(json, "h", "x", "host", "1");
	assert_user(json, "h", "a/x", "group", "2");
	assert_user(json, "h", "ab", "host", "1");
	assert_user(json, "h", "a/b", "repo", "3");
	assert_user(json, "h", "a/b/c", "repo", "3");
	assert_user(json, "h", "a/bc", "group", "2");
}

static void other_hosts_get_nothing(void **state)
{
	static const char json[] = "{\"auths\":{\"h.x\":{\"auth\":\"dTpw\"}}}";
	static const char *const domains[] = { "h.x.evil", "evilh.x", "x",
					       "h.x:443", "docker.io" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(domains); i++)
		assert_user(json, domains[i], "a", NULL, NULL);
}

static void tokens_are_told_from_passwords(void **state)
{
	AUTO(auth_file_free)
	struct auth_file *f =
		parse("{\"auths\":{\"h\":{\"auth\":\"dTpw\",\"identitytoken\":"
		      "\"I\"},\"g\":{\"registrytoken\":\"R\"},\"e\":{}}}");
	AUTO(credential_release)
	struct credential h = { 0 }, g = { 0 }, e = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(auth_file_find(f, "h", NULL, &h, &err), 0);
	assert_string_equal(h.identity_token, "I");
	assert_int_equal(auth_file_find(f, "g", NULL, &g, &err), 0);
	assert_string_equal(g.registry_token, "R");
	assert_int_equal(auth_file_find(f, "e", NULL, &e, &err), 0);
	assert_false(credential_is_set(&e));
}

static void helpers_are_found_by_host(void **state)
{
	AUTO(auth_file_free)
	struct auth_file *f = parse(
		"{\"credsStore\":\"all\",\"credHelpers\":{\"h:1\":\"own\","
		"\"https://index.docker.io/v1/\":\"hub\"}}");

	(void)state;
	assert_string_equal(auth_file_store_helper(f), "all");
	assert_string_equal(auth_file_host_helper(f, "h:1"), "own");
	assert_string_equal(auth_file_host_helper(f, "docker.io"), "hub");
	assert_null(auth_file_host_helper(f, "h"));
	assert_string_equal(auth_server_name("docker.io"),
			    "https://index.docker.io/v1/");
	assert_string_equal(auth_server_name("h:1"), "h:1");
}

static void the_oldest_format_has_no_auths_member(void **state)
{
	(void)state;
	assert_user("{\"https://h/v1/\":{\"auth\":\"dTpw\",\"email\":\"e\"}}",
		    "h", "a", "u", "p");
}

static void damaged_files_name_themselves(void **state)
{
	static const char *const texts[] = { "", "[]", "{", "\"x\"" };
	struct error err = ERROR_INIT;
	struct auth_file *f = NULL;
	AUTO(auth_file_free)
	struct auth_file *bad = parse("{\"auths\":{\"h\":{\"auth\":\"!!\"}}}");
	struct credential c = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(auth_file_parse(texts[i], strlen(texts[i]),
						 "my/config.json", &f, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.text, "my/config.json"));
	}
	assert_int_equal(auth_file_find(bad, "h", "a", &c, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_round_trips),
		cmocka_unit_test(what_is_not_base64_is_refused),
		cmocka_unit_test(auth_is_split_at_the_first_colon),
		cmocka_unit_test(keys_of_many_styles_name_a_host),
		cmocka_unit_test(docker_hub_goes_by_several_names),
		cmocka_unit_test(the_longest_repository_prefix_wins),
		cmocka_unit_test(other_hosts_get_nothing),
		cmocka_unit_test(tokens_are_told_from_passwords),
		cmocka_unit_test(helpers_are_found_by_host),
		cmocka_unit_test(the_oldest_format_has_no_auths_member),
		cmocka_unit_test(damaged_files_name_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
