#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "builder/sandbox/user.h"

static const struct user_files files = {
	.passwd = "root:x:0:0:root:/root:/bin/sh\n"
		  "broken\n"
		  "also:x:notanumber:1::\n"
		  "app:x:1000:1001:App,,,:/home/app:/bin/sh\n"
		  "1234:x:0:0::/root:/bin/sh\n"
		  "nohome:x:7:7:\n"
		  "big:x:2147483647:2147483647::/big:\n"
		  "app:x:0:0:second:/evil:/bin/sh\n"
		  "last:x:5:6::/last:/bin/sh",
	.group = "root:x:0:\n"
		 "audio:x:29:app,other\n"
		 "video:x:44:other,app\n"
		 "again:x:44:app\n"
		 "apple:x:45:apple,ap\n"
		 "55:x:0:\n"
		 "staff:x:50:",
};

static void check(const char *text, uint32_t uid, uint32_t gid, size_t groups,
		  const char *home)
{
	AUTO(user_release) struct user user = { 0 };
	struct error err = ERROR_INIT;
	char message[2400];

	if (user_resolve(text, &files, &user, &err) < 0)
		fail_msg("%s: %s", text,
			 error_message(&err, message, sizeof(message)));
	assert_int_equal(user.uid, uid);
	assert_int_equal(user.gid, gid);
	assert_int_equal(user.n_groups, groups);
	assert_string_equal(user.home, home);
}

static void check_refused(const char *text, const char *why)
{
	AUTO(user_release) struct user user = { 0 };
	struct error err = ERROR_INIT;
	char message[2400];

	assert_int_equal(user_resolve(text, &files, &user, &err), -1);
	assert_int_equal(err.kind, ERROR_DOCKERFILE);
	error_message(&err, message, sizeof(message));
	if (!strstr(message, why))
		fail_msg("no '%s' in '%s'", why, message);
}

static void no_user_is_root_without_groups(void **state)
{
	(void)state;
	check(NULL, 0, 0, 0, "/root");
	check("", 0, 0, 0, "/root");
	check(":50", 0, 50, 0, "/root");
}

static void a_name_brings_its_groups(void **state)
{
	(void)state;
	check("app", 1000, 1001, 2, "/home/app");
	check("last", 5, 6, 0, "/last");
	check("nohome", 7, 7, 0, "/");
	check("big", 2147483647, 2147483647, 0, "/big");
	check("1000", 1000, 1001, 2, "/home/app");
}

static void an_explicit_group_is_the_only_one(void **state)
{
	(void)state;
	check("app:staff", 1000, 50, 0, "/home/app");
	check("app:0", 1000, 0, 0, "/home/app");
	check("1000:1000", 1000, 1000, 0, "/home/app");
	check("77:audio", 77, 29, 0, "/");
}

static void an_unlisted_id_has_group_zero(void **state)
{
	(void)state;
	check("4242", 4242, 0, 0, "/");
	check("4294967294", 4294967294, 0, 0, "/");
}

static void digits_are_never_a_name(void **state)
{
	(void)state;
	check("1234", 1234, 0, 0, "/");
	check("app:55", 1000, 55, 0, "/home/app");
}

static void ids_out_of_range_are_refused(void **state)
{
	(void)state;
	check_refused("4294967295", "too large");
	check_refused("4294967296", "too large");
	check_refused("99999999999999999999999", "too large");
	check_refused("app:4294967296", "too large");
	check_refused("-1", "'-1' is not in the image's /etc/passwd");
	check_refused("app:-1", "'-1' is not in the image's /etc/group");
}

static void unknown_names_are_refused(void **state)
{
	(void)state;
	check_refused("nobody", "'nobody' is not in the image's /etc/passwd");
	check_refused("app:wheel", "'wheel' is not in the image's /etc/group");
	check_refused("also", "not in");
	check_refused("broken", "not in");
}

static void images_without_the_files_know_ids_only(void **state)
{
	const struct user_files none = { 0 };
	AUTO(user_release) struct user user = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(user_resolve("12:34", &none, &user, &err), 0);
	assert_int_equal(user.uid, 12);
	assert_int_equal(user.gid, 34);
	assert_string_equal(user.home, "/");
	assert_int_equal(user_resolve("root", &none, &user, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_user_is_root_without_groups),
		cmocka_unit_test(a_name_brings_its_groups),
		cmocka_unit_test(an_explicit_group_is_the_only_one),
		cmocka_unit_test(an_unlisted_id_has_group_zero),
		cmocka_unit_test(digits_are_never_a_name),
		cmocka_unit_test(ids_out_of_range_are_refused),
		cmocka_unit_test(unknown_names_are_refused),
		cmocka_unit_test(images_without_the_files_know_ids_only),
	};

	return cmocka_run_group_tests_name("user_names", tests, NULL, NULL);
}
