#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/subids.h"
#include "builder/sandbox/userns.h"
#include "store/base/idmap.h"

static void ranges_are_found_by_name_and_number(void **state)
{
	struct subids s = { .n = 0 };

	(void)state;
	subids_parse("other:1:2\nme:100000:65536\n# me:3:4\n1000:300000:10\n"
		     "me2:5:5\nme:400000:1",
		     "me", 1000, 1000, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.ranges[0].start, 100000);
	assert_int_equal(s.ranges[0].count, 65536);
	assert_int_equal(s.ranges[1].start, 300000);
	assert_int_equal(s.ranges[2].start, 400000);
}

static void a_user_without_a_name_has_its_number(void **state)
{
	struct subids s = { .n = 0 };

	(void)state;
	subids_parse("me:1000:5\n1000:2000:5\n01000:3000:5\n", NULL, 1000, 1,
		     &s);
	assert_int_equal(s.n, 2);
}

static void broken_lines_are_skipped(void **state)
{
	struct subids s = { .n = 0 };

	(void)state;
	subids_parse("me\nme:\nme:1\nme::\nme:a:b\nme:1:0\nme:-1:5\n"
		     "me:4294967295:2\nme:1:4294967296\nme:5:6:7\n\n:\n"
		     "me:99999999999999999999:1\nme:10:3",
		     "me", 0, 0, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.ranges[0].start, 10);
}

static void overlapping_ranges_are_taken_once(void **state)
{
	struct subids s = { .n = 0 };

	(void)state;
	subids_parse("me:100:10\nme:109:5\nme:110:5\nme:90:11\nme:40:20\n",
		     "me", 50, 50, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.ranges[1].start, 110);
}

static void no_more_ranges_are_taken_than_a_map_holds(void **state)
{
	struct subids s = { .n = 0 };
	char line[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "me:%u:1\n", 1000 + i);
		subids_parse(line, "me", 0, 0, &s);
	}
	assert_int_equal(s.n, SUBIDS_MAX);
}

/* In a child: entering is for good. */
static void entering_gives_root_or_a_reason(void **state)
{
	struct error err = ERROR_INIT;
	enum userns_kind kind;
	const char *why;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (userns_enter(&kind, &why, &err) < 0)
			_exit(err.used ? 0 : 1);
		if (geteuid() != 0 || !idmap_has_uid(0))
			_exit(2);
		if (kind == USERNS_SINGLE)
			_exit(why && !idmap_has_uid(1) ? 0 : 3);
		_exit(idmap_has_uid(1) ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_found_by_name_and_number),
		cmocka_unit_test(a_user_without_a_name_has_its_number),
		cmocka_unit_test(broken_lines_are_skipped),
		cmocka_unit_test(overlapping_ranges_are_taken_once),
		cmocka_unit_test(no_more_ranges_are_taken_than_a_map_holds),
		cmocka_unit_test(entering_gives_root_or_a_reason),
	};

	return cmocka_run_group_tests_name("userns", tests, NULL, NULL);
}
