#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "tests/unit/base/scratch.h"

static void a_file_is_replaced_as_a_whole(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	autofree char *text = NULL;
	struct stat st;

	make_file(s->fd, "f", "old and long");
	assert_int_equal(
		io_replace_file(s->fd, "f", "new", 3, 0640, true, &err), 0);
	text = read_text(s->fd, "f");
	assert_string_equal(text, "new");
	assert_int_equal(fstatat(s->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count_entries(s->fd, "."), 1);
}

static void a_failed_replacement_leaves_the_old_file_alone(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;

	make_dir(s->fd, "d");
	make_file(s->fd, "d/kept", "kept");
	assert_int_equal(
		io_replace_file(s->fd, "d", "new", 3, 0640, false, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_int_equal(count_entries(s->fd, "."), 1);
	assert_int_equal(count_entries(s->fd, "d"), 1);
}

static void reading_is_bounded(void **state)
{
	struct scratch *s = *state;
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	make_file(s->fd, "f", "12345");
	assert_int_equal(io_read_file(s->fd, "f", 5, &text, &err), 0);
	assert_string_equal(text.data, "12345");
	assert_int_equal(io_read_file(s->fd, "f", 4, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void only_regular_files_are_read(void **state)
{
	struct scratch *s = *state;
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(mkfifoat(s->fd, "fifo", 0600), 0);
	assert_int_equal(io_read_file(s->fd, "fifo", 5, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(io_read_file(s->fd, ".", 5, &text, &err), -1);
	assert_int_equal(io_read_file(s->fd, "absent", 5, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(err.sys, ENOENT);
}

static void directories_are_not_opened_through_links(void **state)
{
	struct scratch *s = *state;
	autodir DIR *dir = NULL;

	make_dir(s->fd, "d");
	assert_int_equal(symlinkat("d", s->fd, "link"), 0);
	assert_null(io_open_dir(s->fd, "link"));
	assert_null(io_open_dir(s->fd, "absent"));
	assert_int_equal(errno, ENOENT);
	dir = io_open_dir(s->fd, "d");
	assert_non_null(dir);
}

static void copies_are_complete_or_an_error(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	autofree char *text = NULL;
	autoclose int src = -1, dst = -1;

	make_file(s->fd, "src", "0123456789");
	src = openat(s->fd, "src", O_RDONLY | O_CLOEXEC);
	dst = openat(s->fd, "dst", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(io_copy(src, dst, 4, "src", &err), 0);
	assert_int_equal(io_copy(src, dst, UINT64_MAX, "src", &err), 0);
	text = read_text(s->fd, "dst");
	assert_string_equal(text, "0123456789");
	assert_int_equal(io_copy(src, dst, 1, "src", &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void files_that_only_read_understands_are_copied(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	autoclose int src = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	autoclose int dst =
		openat(s->fd, "dst", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	autofree char *text = NULL;

	assert_int_equal(io_copy(src, dst, UINT64_MAX, "status", &err), 0);
	text = read_text(s->fd, "dst");
	assert_non_null(strstr(text, "Name:"));
}

static void a_full_disk_is_an_error(void **state)
{
	autoclose int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(io_write(full, "x", 1, "it", &err), -1);
	assert_int_equal(err.sys, ENOSPC);
}

static void a_listing_has_all_but_the_dots(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	autodir DIR *dir = NULL;
	const char *name;
	int n = 0;

	make_file(s->fd, ".hidden", "");
	make_file(s->fd, "shown", "");
	dir = io_open_dir(s->fd, ".");
	assert_non_null(dir);
	for (; io_next_entry(dir, "it", &name, &err) > 0; n++)
		assert_true(!strcmp(name, ".hidden") || !strcmp(name, "shown"));
	assert_int_equal(n, 2);
	assert_int_equal(err.kind, ERROR_NONE);
}

static void a_listing_that_breaks_off_is_an_error(void **state)
{
	struct scratch *s = *state;
	autodir DIR *dir = io_open_dir(s->fd, ".");
	autoclose int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct error err = ERROR_INIT;
	const char *name;

	assert_non_null(dir);
	assert_true(dup3(file, dirfd(dir), O_CLOEXEC) >= 0);
	assert_int_equal(io_next_entry(dir, "it", &name, &err), -1);
	assert_int_equal(err.sys, ENOTDIR);
}

static void trees_are_removed_whatever_their_modes(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;

	make_dir(s->fd, "outside");
	make_file(s->fd, "outside/kept", "kept");
	make_dir(s->fd, "t");
	make_dir(s->fd, "t/locked");
	make_file(s->fd, "t/locked/f", "");
	make_link(s->fd, "t/link", "../outside");
	make_link(s->fd, "t/locked/link", "/");
	assert_int_equal(mkfifoat(s->fd, "t/fifo", 0600), 0);
	assert_int_equal(fchmodat(s->fd, "t/locked", 0, 0), 0);
	assert_int_equal(io_remove_tree(s->fd, "t", &err), 0);
	assert_int_equal(count_entries(s->fd, "."), 1);
	assert_int_equal(count_entries(s->fd, "outside"), 1);
	assert_int_equal(io_remove_tree(s->fd, "t", &err), 0);
}

static void a_link_is_removed_and_not_what_it_names(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;

	make_dir(s->fd, "d");
	make_file(s->fd, "d/kept", "");
	make_link(s->fd, "link", "d");
	assert_int_equal(io_remove_tree(s->fd, "link", &err), 0);
	assert_int_equal(count_entries(s->fd, "d"), 1);
	assert_int_equal(count_entries(s->fd, "."), 1);
}

/* 3,000 levels, with a file on each. */
static void dig(int fd)
{
	int dir = dup(fd), next, i;

	for (i = 0; i < 3000; i++) {
		make_dir(dir, "d");
		make_file(dir, "f", "");
		next = openat(dir, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	close(dir);
}

static void depth_costs_no_descriptors(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	struct rlimit old, few = { .rlim_cur = 80 };

	make_dir(s->fd, "deep");
	dig(openat(s->fd, "deep", O_PATH | O_DIRECTORY | O_CLOEXEC));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	if (io_remove_tree(s->fd, "deep", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(count_entries(s->fd, "."), 0);
}

static void directories_are_made_with_their_parents(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	autofree char *path = NULL;

	assert_true(asprintf(&path, "%s//a/b/c/", s->path) > 0);
	assert_int_equal(io_make_dirs(path, 0755, &err), 0);
	assert_int_equal(io_make_dirs(path, 0755, &err), 0);
	assert_int_equal(faccessat(s->fd, "a/b/c", F_OK, 0), 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_replaced_as_a_whole),
		TEST(a_failed_replacement_leaves_the_old_file_alone),
		TEST(reading_is_bounded),
		TEST(only_regular_files_are_read),
		TEST(directories_are_not_opened_through_links),
		TEST(copies_are_complete_or_an_error),
		TEST(files_that_only_read_understands_are_copied),
		TEST(a_full_disk_is_an_error),
		TEST(a_listing_has_all_but_the_dots),
		TEST(a_listing_that_breaks_off_is_an_error),
		TEST(trees_are_removed_whatever_their_modes),
		TEST(a_link_is_removed_and_not_what_it_names),
		TEST(depth_costs_no_descriptors),
		TEST(directories_are_made_with_their_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
