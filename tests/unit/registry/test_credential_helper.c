#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "registry/credential_helper.h"
#include "store/base/buf.h"
#include "store/base/io.h"

#include <fcntl.h>

static char dir[] = "/tmp/shale-helper-XXXXXX";

/* Put a shell script "docker-credential-NAME" on PATH. */
static void script(const char *name, const char *text)
{
	AUTO(buf_release) struct buf path = BUF_INIT, all = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_printf(&path, "%s/docker-credential-%s", dir, name);
	buf_printf(&all, "#!/bin/sh\n%s\n", text);
	if (io_replace_file(AT_FDCWD, path.data, all.data, all.len, 0755, false,
			    &err) < 0)
		fail_msg("%s", err.text);
}

static int get(const char *name, int64_t timeout_ms, struct credential *c,
	       struct error *err)
{
	return credential_helper_get(name, "https://index.docker.io/v1/",
				     timeout_ms, NULL, c, err);
}

static void a_helper_is_told_the_server_and_answers(void **state)
{
	AUTO(credential_release) struct credential c = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	script("good", "[ \"$1\" = get ] || exit 9\nread -r server\n"
		       "printf '{\"ServerURL\":\"%s\",\"Username\":\"u\","
		       "\"Secret\":\"%s\"}' \"$server\" \"$server\"");
	if (get("good", 5000, &c, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(c.username, "u");
	assert_string_equal(c.password, "https://index.docker.io/v1/");
}

static void a_token_is_told_by_its_user_name(void **state)
{
	static const char answer[] =
		"{\"Username\":\"<token>\",\"Secret\":\"T\"}";
	AUTO(credential_release) struct credential c = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		credential_helper_parse(answer, strlen(answer), true, &c, &err),
		0);
	assert_null(c.username);
	assert_string_equal(c.identity_token, "T");
}

static void not_found_is_no_failure(void **state)
{
	struct credential c = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	script("none", "echo 'credentials not found in native keychain'\n"
		       "exit 1");
	assert_int_equal(get("none", 5000, &c, &err), 0);
	assert_false(credential_is_set(&c));
}

static void assert_fails(const char *name, int64_t timeout_ms,
			 const char *reason)
{
	struct credential c = { 0 };
	struct error err = ERROR_INIT;
	char message[512];

	assert_int_equal(get(name, timeout_ms, &c, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	error_message(&err, message, sizeof(message));
	if (!strstr(message, reason) || !strstr(message, name))
		fail_msg("\"%s\" lacks \"%s\"", message, reason);
}

static void failures_tell_the_helpers_own_words(void **state)
{
	(void)state;
	script("locked", "printf 'the keychain is\\nlocked\\033[31m'; exit 1");
	script("silent", "exit 3");
	script("garbled", "echo 'not json'");
	script("partial", "echo '{\"Username\":\"u\"}'");
	script("flood", "cat /dev/zero");
	assert_fails("locked", 5000, "the keychain is locked?[31m");
	assert_fails("silent", 5000, "without a reason");
	assert_fails("garbled", 5000, "not valid JSON");
	assert_fails("partial", 5000, "lacks Username or Secret");
	assert_fails("flood", 5000, "more than");
	assert_fails("missing-one", 5000, "No such file");
	assert_fails("../good", 5000, "bad credential helper name");
}

static void a_stalled_helper_and_its_children_are_killed(void **state)
{
	AUTO(buf_release)
	struct buf pid = BUF_INIT, path = BUF_INIT, text = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	buf_printf(&path, "%s/pid", dir);
	buf_printf(&text, "sleep 60 & echo $! >%s; wait", path.data);
	script("stalled", text.data);
	assert_fails("stalled", 500, "in time");
	assert_int_equal(io_read_file(AT_FDCWD, path.data, 64, &pid, &err), 0);
	/* A killed orphan may stay a moment until somebody reaps it. */
	for (int i = 0; i < 100 && kill(atoi(pid.data), 0) == 0; i++) {
		char stat[64];
		FILE *file;

		snprintf(stat, sizeof(stat), "/proc/%d/stat", atoi(pid.data));
		file = fopen(stat, "r");
		if (!file)
			return;
		if (fscanf(file, "%*d %*s %63s", stat) == 1 && stat[0] == 'Z') {
			fclose(file);
			return;
		}
		fclose(file);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	assert_int_not_equal(kill(atoi(pid.data), 0), 0);
}

static int set_up(void **state)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	buf_printf(&path, "%s:%s", dir, getenv("PATH"));
	return setenv("PATH", path.data, 1);
}

static int tear_down(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_helper_is_told_the_server_and_answers),
		cmocka_unit_test(a_token_is_told_by_its_user_name),
		cmocka_unit_test(not_found_is_no_failure),
		cmocka_unit_test(failures_tell_the_helpers_own_words),
		cmocka_unit_test(a_stalled_helper_and_its_children_are_killed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
