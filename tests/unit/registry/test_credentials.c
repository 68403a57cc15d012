#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/credentials.h"
#include "store/base/buf.h"
#include "store/base/io.h"

static char dir[] = "/tmp/shale-credentials-XXXXXX";

/* A file below the folder of this test, with its directories. */
static void write_file(const char *name, const char *text, mode_t mode)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct error err = ERROR_INIT;
	char *slash;

	buf_printf(&path, "%s/%s", dir, name);
	slash = strrchr(path.data, '/');
	*slash = '\0';
	assert_int_equal(io_make_dirs(path.data, 0755, &err), 0);
	*slash = '/';
	assert_int_equal(io_replace_file(AT_FDCWD, path.data, text,
					 strlen(text), mode, false, &err),
			 0);
}

/* Credentials of `user` for the host r.x. */
static void write_user(const char *name, const char *user)
{
	AUTO(buf_release) struct buf json = BUF_INIT;

	buf_printf(&json,
		   "{\"auths\":{\"r.x\":{\"username\":\"%s\","
		   "\"password\":\"p\"}}}",
		   user);
	write_file(name, json.data, 0600);
}

static void set(const char *variable, const char *below)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/%s", dir, below);
	setenv(variable, path.data, 1);
}

static int find(const struct credentials_options *options, const char *domain,
		struct credential *ret, struct error *err)
{
	AUTO(credentials_free) struct credentials *c = NULL;
	struct credentials_options o = { 0 };

	if (options)
		o = *options;
	o.helper_timeout_ms = 5000;
	if (credentials_new(&o, &c, err) < 0)
		return -1;
	return credentials_find(c, domain, "a", true, ret, err);
}

static void assert_user(const struct credentials_options *options,
			const char *user)
{
	AUTO(credential_release) struct credential c = { 0 };
	struct error err = ERROR_INIT;
	char message[512];

	if (find(options, "r.x", &c, &err) < 0)
		fail_msg("%s", error_message(&err, message, sizeof(message)));
	assert_string_equal(c.username ? c.username : "(nobody)", user);
}

static void each_place_is_looked_into_in_turn(void **state)
{
	(void)state;
	assert_user(NULL, "(nobody)");
	write_user("home/.dockercfg", "oldest");
	assert_user(NULL, "oldest");
	write_user("home/.docker/config.json", "docker");
	assert_user(NULL, "docker");
	write_user("home/.config/containers/auth.json", "config");
	assert_user(NULL, "config");
	set("XDG_RUNTIME_DIR", "run");
	write_user("run/containers/auth.json", "runtime");
	assert_user(NULL, "runtime");
	set("DOCKER_CONFIG", "secret");
	write_user("secret/.dockerconfigjson", "kubernetes");
	assert_user(NULL, "kubernetes");
	write_user("secret/config.json", "told");
	assert_user(NULL, "told");
	set("REGISTRY_AUTH_FILE", "only.json");
	write_user("only.json", "only");
	assert_user(NULL, "only");
	setenv("DOCKER_AUTH_CONFIG",
	       "{\"auths\":{\"r.x\":{\"auth\":\"ZW52OnA=\"}}}", 1);
	assert_user(NULL, "env");
}

static void a_file_named_alone_is_looked_into_alone(void **state)
{
	(void)state;
	write_user("home/.docker/config.json", "docker");
	set("REGISTRY_AUTH_FILE", "missing.json");
	assert_user(NULL, "(nobody)");
}

static void what_is_given_wins_over_files(void **state)
{
	const struct credentials_options given = { .given = "u:p:q" };
	const struct credentials_options wrong = { .given = "u" };
	AUTO(credential_release) struct credential c = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	write_user("home/.docker/config.json", "docker");
	assert_int_equal(find(&given, "r.x", &c, &err), 0);
	assert_string_equal(c.username, "u");
	assert_string_equal(c.password, "p:q");
	assert_int_equal(find(&wrong, "r.x", &c, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
}

static void a_later_file_serves_hosts_that_earlier_ones_lack(void **state)
{
	(void)state;
	write_file("home/.config/containers/auth.json",
		   "{\"auths\":{\"other.x\":{\"auth\":\"dTpw\"}}}", 0600);
	write_user("home/.docker/config.json", "docker");
	assert_user(NULL, "docker");
}

static void helpers_are_asked_before_the_file_and_once(void **state)
{
	AUTO(credentials_free) struct credentials *c = NULL;
	const struct credentials_options o = { .helper_timeout_ms = 5000 };
	AUTO(buf_release) struct buf calls = BUF_INIT, path = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	write_file("bin/docker-credential-t",
		   "#!/bin/sh\necho call >>\"$HOME/calls\"\n"
		   "echo '{\"Username\":\"helped\",\"Secret\":\"s\"}'\n",
		   0755);
	write_file("home/.docker/config.json",
		   "{\"credHelpers\":{\"r.x\":\"t\"},"
		   "\"auths\":{\"r.x\":{\"auth\":\"dTpw\"}}}",
		   0600);
	assert_int_equal(credentials_new(&o, &c, &err), 0);
	for (int i = 0; i < 3; i++) {
		AUTO(credential_release) struct credential found = { 0 };

		assert_int_equal(
			credentials_find(c, "r.x", "a", true, &found, &err), 0);
		assert_string_equal(found.username, "helped");
	}
	buf_printf(&path, "%s/home/calls", dir);
	assert_int_equal(io_read_file(AT_FDCWD, path.data, 100, &calls, &err),
			 0);
	assert_string_equal(calls.data, "call\n");
}

static void a_helper_that_knows_nothing_leaves_it_to_the_file(void **state)
{
	(void)state;
	write_file("bin/docker-credential-none",
		   "#!/bin/sh\n"
		   "echo 'credentials not found in native keychain'\nexit 1\n",
		   0755);
	write_file("home/.docker/config.json",
		   "{\"credsStore\":\"none\","
		   "\"auths\":{\"r.x\":{\"auth\":\"dTpw\"}}}",
		   0600);
	assert_user(NULL, "u");
}

static void a_missing_helper_is_an_error_that_names_it(void **state)
{
	struct credential c = { 0 };
	struct error err = ERROR_INIT;
	char message[512];

	(void)state;
	write_file("home/.docker/config.json", "{\"credsStore\":\"gone\"}",
		   0600);
	assert_int_equal(find(NULL, "r.x", &c, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	error_message(&err, message, sizeof(message));
	assert_non_null(strstr(message, "docker-credential-gone"));
}

static void a_damaged_file_is_an_error_that_names_it(void **state)
{
	struct credential c = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	write_file("home/.docker/config.json", "{\"auths\":", 0600);
	assert_int_equal(find(NULL, "r.x", &c, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.text, ".docker/config.json"));
}

static int set_up(void **state)
{
	static const char *const variables[] = {
		"DOCKER_AUTH_CONFIG",
		"REGISTRY_AUTH_FILE",
		"DOCKER_CONFIG",
		"XDG_CONFIG_HOME",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	set("HOME", "home");
	set("XDG_RUNTIME_DIR", "norun");
	return 0;
}

static int tear_down(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

static int set_path(void **state)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	(void)state;
	/* Helpers are found in the folder that each test makes. */
	buf_printf(&path, "bin:%s", getenv("PATH"));
	return setenv("PATH", path.data, 1);
}

static int set_up_with_bin(void **state)
{
	if (set_up(state) < 0)
		return -1;
	return chdir(dir);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, set_up_with_bin, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(each_place_is_looked_into_in_turn),
		TEST(a_file_named_alone_is_looked_into_alone),
		TEST(what_is_given_wins_over_files),
		TEST(a_later_file_serves_hosts_that_earlier_ones_lack),
		TEST(helpers_are_asked_before_the_file_and_once),
		TEST(a_helper_that_knows_nothing_leaves_it_to_the_file),
		TEST(a_missing_helper_is_an_error_that_names_it),
		TEST(a_damaged_file_is_an_error_that_names_it),
	};

	return cmocka_run_group_tests(tests, set_path, NULL);
}
