/* Which mounts lie below another, from the text of mountinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/sandbox/mount_table.h"

static const char table[] =
	"20 1 0:1 / / rw,relatime - ext4 /dev/vda rw\n"
	"21 20 0:2 / /sys rw,nosuid shared:3 - sysfs sysfs rw\n"
	"22 21 0:3 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
	"23 20 0:4 / /proc rw - proc proc rw\n"
	"broken\n"
	"24 22 0:5 / /sys/fs/cgroup/a\\040b\\134c rw - cgroup cgroup rw\n"
	"25 21\n"
	"26 23 0:6 / /proc/sys rw - proc proc rw";

static void mounts_below_are_found_at_any_depth(void **state)
{
	AUTO(strv_release) struct strv paths = STRV_INIT;

	(void)state;
	mount_table_parse(table, 21, &paths);
	assert_int_equal(paths.len, 2);
	assert_string_equal(paths.items[0], "/sys/fs/cgroup");
	assert_string_equal(paths.items[1], "/sys/fs/cgroup/a b\\c");
}

static void others_are_left_out(void **state)
{
	AUTO(strv_release) struct strv paths = STRV_INIT;

	(void)state;
	mount_table_parse(table, 26, &paths);
	mount_table_parse(table, 99, &paths);
	mount_table_parse("", 20, &paths);
	assert_int_equal(paths.len, 0);
}

static void the_own_table_is_read(void **state)
{
	AUTO(strv_release) struct strv paths = STRV_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(mount_table_below(0, &paths, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_below_are_found_at_any_depth),
		cmocka_unit_test(others_are_left_out),
		cmocka_unit_test(the_own_table_is_read),
	};

	return cmocka_run_group_tests_name("mount_table", tests, NULL, NULL);
}
