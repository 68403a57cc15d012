/* Every test runs twice: with openat2, and by the walk that stands in for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "store/base/cleanup.h"
#include "store/base/confined.h"
#include "store/base/confined_walk.h"
#include "tests/unit/base/scratch.h"

/*
 * scratch/secret      outside
 * scratch/root/...    the root of the lookups
 */
struct tree {
	struct scratch *scratch;
	int root;
};

static int tree_setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));
	int fd;

	if (!t || scratch_setup((void **)&t->scratch) < 0)
		return -1;
	fd = t->scratch->fd;
	make_file(fd, "secret", "outside");
	make_dir(fd, "root");
	t->root = openat(fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	make_dir(t->root, "etc");
	make_file(t->root, "etc/passwd", "inside");
	make_file(t->root, "secret", "decoy");
	make_dir(t->root, "a");
	make_dir(t->root, "a/b");
	make_file(t->root, "a/b/file", "deep");
	make_link(t->root, "absolute", "/etc/passwd");
	make_link(t->root, "up", "../../../../secret");
	make_link(t->root, "a/b/up", "../../../../../etc");
	make_link(t->root, "dir", "a/b");
	make_link(t->root, "slash", "a/b/");
	make_link(t->root, "rootlink", "/");
	make_link(t->root, "loop", "loop");
	make_link(t->root, "ping", "pong");
	make_link(t->root, "pong", "ping");
	make_link(t->root, "dangling", "/var/new");
	make_link(t->root, "filedir", "etc/passwd/");
	*state = t;
	return t->root < 0 ? -1 : 0;
}

static int tree_teardown(void **state)
{
	struct tree *t = *state;
	int ret;

	close(t->root);
	ret = scratch_teardown((void **)&t->scratch);
	free(t);
	return ret;
}

static void assert_contents(struct tree *t, const char *path,
			    const char *expected)
{
	struct error err = ERROR_INIT;
	autoclose int fd = confined_open(t->root, path, O_RDONLY, 0, &err);
	char text[64] = { 0 };

	if (fd < 0)
		fail_msg("'%s': %s", path, err.text);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, expected);
}

static void assert_fails(struct tree *t, const char *path, int flags, int sys)
{
	struct error err = ERROR_INIT;
	autoclose int fd = confined_open(t->root, path, flags, 0600, &err);

	if (fd >= 0)
		fail_msg("'%s' was opened", path);
	if (err.sys != sys)
		fail_msg("'%s': %s, expected %s", path, strerror(err.sys),
			 strerror(sys));
}

static void links_lead_to_places_inside_the_root(void **state)
{
	assert_contents(*state, "etc/passwd", "inside");
	assert_contents(*state, "/etc/passwd", "inside");
	assert_contents(*state, "absolute", "inside");
	assert_contents(*state, "up", "decoy");
	assert_contents(*state, "a/b/up/passwd", "inside");
	assert_contents(*state, "dir/file", "deep");
	assert_contents(*state, "slash/file", "deep");
	assert_contents(*state, "slash/../b/file", "deep");
	assert_contents(*state, "rootlink/rootlink/absolute", "inside");
}

static void dot_dot_stops_at_the_root(void **state)
{
	assert_contents(*state, "../secret", "decoy");
	assert_contents(*state, "../../../../../secret", "decoy");
	assert_contents(*state, "/../secret", "decoy");
	assert_contents(*state, "a/../../../secret", "decoy");
	assert_contents(*state, "dir/../../secret", "decoy");
	assert_contents(*state, "a/b/up/../secret", "decoy");
}

static void what_cannot_be_opened_says_why(void **state)
{
	assert_fails(*state, "missing", O_RDONLY, ENOENT);
	assert_fails(*state, "missing/x", O_RDONLY, ENOENT);
	assert_fails(*state, "missing/..", O_RDONLY, ENOENT);
	assert_fails(*state, "etc/passwd/x", O_RDONLY, ENOTDIR);
	assert_fails(*state, "etc/passwd/", O_RDONLY, ENOTDIR);
	assert_fails(*state, "etc/passwd/..", O_RDONLY, ENOTDIR);
	assert_fails(*state, "filedir", O_RDONLY, ENOTDIR);
	assert_fails(*state, "loop", O_RDONLY, ELOOP);
	assert_fails(*state, "loop/x", O_RDONLY, ELOOP);
	assert_fails(*state, "ping", O_RDONLY, ELOOP);
	assert_fails(*state, "dangling", O_RDONLY, ENOENT);
	assert_fails(*state, "absolute", O_RDONLY | O_NOFOLLOW, ELOOP);
	assert_fails(*state, "absolute", O_WRONLY | O_CREAT | O_EXCL, EEXIST);
	assert_fails(*state, "etc", O_WRONLY | O_CREAT, EISDIR);
	assert_fails(*state, "/", O_WRONLY | O_CREAT, EISDIR);
}

static void overlong_names_are_refused(void **state)
{
	char path[2 * PATH_MAX];

	memset(path, 'a', sizeof(path));
	path[NAME_MAX + 1] = '\0';
	assert_fails(*state, path, O_RDONLY, ENAMETOOLONG);
	path[NAME_MAX + 1] = 'a';
	path[sizeof(path) - 1] = '\0';
	assert_fails(*state, path, O_RDONLY, ENAMETOOLONG);
}

static void the_empty_path_is_the_root(void **state)
{
	static const char *const names[] = {
		"", "/", ".", "//./", "..", "a/.."
	};
	struct tree *t = *state;
	struct stat root, st;
	size_t i;

	assert_int_equal(fstat(t->root, &root), 0);
	for (i = 0; i < ARRAY_LEN(names); i++) {
		struct error err = ERROR_INIT;
		autoclose int fd = confined_open(
			t->root, names[i], O_RDONLY | O_DIRECTORY, 0, &err);

		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(st.st_ino == root.st_ino);
	}
}

static void a_link_itself_can_be_held(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;
	autoclose int fd = confined_open(t->root, "rootlink/loop",
					 O_PATH | O_NOFOLLOW, 0, &err);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void creating_through_a_dangling_link_stays_inside(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;
	int fd;

	make_dir(t->root, "var");
	fd = confined_open(t->root, "dangling", O_WRONLY | O_CREAT, 0600, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(faccessat(t->root, "var/new", F_OK, 0), 0);
}

static void descriptors_are_closed_on_exec(void **state)
{
	static const int flags[] = { O_RDONLY, O_PATH, O_PATH | O_NOFOLLOW };
	struct tree *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(flags); i++) {
		struct error err = ERROR_INIT;
		autoclose int fd =
			confined_open(t->root, "etc/passwd", flags[i], 0, &err);

		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

static void a_parent_is_opened_and_the_last_name_kept(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;
	const char *name = NULL;
	autoclose int fd =
		confined_open_parent(t->root, "dir/file", &name, &err);

	assert_true(fd >= 0);
	assert_string_equal(name, "file");
	assert_int_equal(faccessat(fd, "file", F_OK, 0), 0);
	assert_int_equal(confined_open_parent(t->root, "no/file", &name, &err),
			 -1);
	assert_int_equal(err.sys, ENOENT);
}

static void the_root_has_no_parent(void **state)
{
	static const char *const names[] = { "", "/", ".", "..", "a/..", "a/" };
	struct tree *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		struct error err = ERROR_INIT;
		const char *name;

		assert_int_equal(
			confined_open_parent(t->root, names[i], &name, &err),
			-1);
		assert_int_equal(err.sys, EINVAL);
	}
}

static void missing_directories_are_made_with_their_mode(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;
	mode_t old = umask(077);
	autoclose int fd = confined_make_dirs(t->root, "dir/x/../y/z", 02751,
					      (uid_t)-1, (gid_t)-1, &err);
	struct stat st;

	umask(old);
	if (fd < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 02751);
	assert_int_equal(fstatat(t->root, "a/b/y", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 02751);
	/* What was there keeps its mode. */
	assert_int_equal(fstatat(t->root, "a/b", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
}

static void directories_are_made_where_dangling_links_point(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;
	autoclose int fd = confined_make_dirs(t->root, "dangling/sub", 0755,
					      (uid_t)-1, (gid_t)-1, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	assert_int_equal(faccessat(t->root, "var/new/sub", F_OK, 0), 0);
}

static void directories_are_never_made_outside(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;
	autoclose int fd = -1;

	make_link(t->root, "escape", "../../../out");
	fd = confined_make_dirs(t->root, "escape/../../../sub", 0755, (uid_t)-1,
				(gid_t)-1, &err);
	assert_true(fd >= 0);
	assert_int_equal(count_entries(t->scratch->fd, "."), 2);
	assert_int_equal(faccessat(t->root, "sub", F_OK, 0), 0);
}

static void a_file_in_the_way_of_directories_is_an_error(void **state)
{
	struct tree *t = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(confined_make_dirs(t->root, "etc/passwd/x", 0755,
					    (uid_t)-1, (gid_t)-1, &err),
			 -1);
	assert_int_equal(err.sys, ENOTDIR);
}

/* Somebody who swaps a directory for a link that leads out, over and over. */
struct swapper {
	int dir;
	atomic_bool stop;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;

	while (!atomic_load(&s->stop))
		renameat2(s->dir, "honest", s->dir, "evil", RENAME_EXCHANGE);
	return NULL;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same contents are never those of the file outside. */
static void assert_inside(int fd)
{
	char text[16] = { 0 };

	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	if (!strcmp(text, "outside"))
		fail_msg("a lookup left the root");
	close(fd);
}

static void races_with_renames_never_lead_out(void **state)
{
	static const char *const paths[] = {
		"honest/secret",
		"honest/in/../../secret",
		"honest/in/../secret",
		"evil/in/../secret",
	};
	struct tree *t = *state;
	struct swapper s = { .dir = t->root };
	double end = seconds() + 0.4;
	pthread_t thread;
	unsigned i = 0;

	make_dir(t->root, "honest");
	make_dir(t->root, "honest/in");
	make_file(t->root, "honest/secret", "fine");
	make_link(t->root, "evil", "../..");
	atomic_init(&s.stop, false);
	assert_int_equal(pthread_create(&thread, NULL, swap, &s), 0);
	while (seconds() < end) {
		struct error err = ERROR_INIT;
		int fd = confined_open(t->root, paths[i++ % ARRAY_LEN(paths)],
				       O_RDONLY, 0, &err);

		if (fd >= 0)
			assert_inside(fd);
		else if (err.sys != ENOENT && err.sys != ENOTDIR &&
			 err.sys != ELOOP)
			fail_msg("unexpected: %s", strerror(err.sys));
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
}

/* A directory that is moved out of the root while a lookup is inside it. */
static void *move_out_and_back(void *arg)
{
	struct swapper *s = arg;

	while (!atomic_load(&s->stop)) {
		renameat(s->dir, "a/b", s->dir, "../moved");
		renameat(s->dir, "../moved", s->dir, "a/b");
	}
	return NULL;
}

static void directories_moved_out_lead_nobody_out(void **state)
{
	struct tree *t = *state;
	struct swapper s = { .dir = t->root };
	double end = seconds() + 0.4;
	pthread_t thread;

	make_dir(t->root, "a/b/c");
	atomic_init(&s.stop, false);
	assert_int_equal(pthread_create(&thread, NULL, move_out_and_back, &s),
			 0);
	while (seconds() < end) {
		struct error err = ERROR_INIT;
		int fd = confined_open(t->root, "a/b/c/../../../secret",
				       O_RDONLY, 0, &err);

		if (fd >= 0)
			assert_inside(fd);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	renameat(t->root, "../moved", t->root, "a/b");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

static const struct CMUnitTest tests[] = {
	TEST(links_lead_to_places_inside_the_root),
	TEST(dot_dot_stops_at_the_root),
	TEST(what_cannot_be_opened_says_why),
	TEST(overlong_names_are_refused),
	TEST(the_empty_path_is_the_root),
	TEST(a_link_itself_can_be_held),
	TEST(creating_through_a_dangling_link_stays_inside),
	TEST(descriptors_are_closed_on_exec),
	TEST(a_parent_is_opened_and_the_last_name_kept),
	TEST(the_root_has_no_parent),
	TEST(missing_directories_are_made_with_their_mode),
	TEST(directories_are_made_where_dangling_links_point),
	TEST(directories_are_never_made_outside),
	TEST(a_file_in_the_way_of_directories_is_an_error),
	TEST(races_with_renames_never_lead_out),
	TEST(directories_moved_out_lead_nobody_out),
};

/* Random trees and paths: both back ends must say the same. */

static uint32_t dice(uint64_t *seed, uint32_t sides)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % sides;
}

static void random_path(uint64_t *seed, char *path, size_t size)
{
	static const char *const parts[] = {
		"a", "b", "c", "..", ".", "", "d"
	};
	uint32_t n = 1 + dice(seed, 5), i;
	size_t len = 0;

	path[0] = '\0';
	if (dice(seed, 4) == 0)
		len += (size_t)snprintf(path, size, "/");
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(path + len, size - len, "%s%s",
					i ? "/" : "",
					parts[dice(seed, ARRAY_LEN(parts))]);
	if (!path[0])
		snprintf(path, size, ".");
}

static void random_tree(uint64_t *seed, int root)
{
	int i;

	for (i = 0; i < 12; i++) {
		char path[256], target[256];
		struct error err = ERROR_INIT;
		const char *name;
		autoclose int dir = -1;

		random_path(seed, path, sizeof(path));
		random_path(seed, target, sizeof(target));
		dir = confined_open_parent(root, path, &name, &err);
		if (dir < 0)
			continue;
		switch (dice(seed, 4)) {
		case 0:
			close(openat(dir, name, O_CREAT | O_WRONLY | O_NOFOLLOW,
				     0600));
			break;
		case 1:
			symlinkat(target, dir, name);
			break;
		default:
			mkdirat(dir, name, 0700);
		}
	}
}

static int open_by_openat2(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void compare_back_ends(int root, const char *path, int flags)
{
	autoclose int first = open_by_openat2(root, path, flags);
	int first_errno = first < 0 ? errno : 0;
	autoclose int second = confined_walk_open(root, path, flags, 0);
	int second_errno = second < 0 ? errno : 0;
	struct stat a, b;

	if (first_errno == EAGAIN)
		return;
	if (first_errno != second_errno)
		fail_msg("'%s', flags %o: openat2 says %s, the walk says %s",
			 path, (unsigned)flags, strerror(first_errno),
			 strerror(second_errno));
	if (first < 0)
		return;
	assert_int_equal(fstat(first, &a) | fstat(second, &b), 0);
	if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
		fail_msg("'%s', flags %o: two files", path, (unsigned)flags);
}

static void both_back_ends_find_the_same(void **state)
{
	static const int flags[] = {
		O_PATH,
		O_PATH | O_NOFOLLOW,
		O_RDONLY | O_DIRECTORY,
		O_RDONLY | O_NOFOLLOW,
		O_RDONLY,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	};
	struct scratch *s = *state;
	uint64_t seed = 1;
	int round, i;

	if (open_by_openat2(AT_FDCWD, ".", O_PATH) < 0)
		skip();
	for (round = 0; round < 60; round++) {
		char name[32], path[256];
		autoclose int root = -1;

		snprintf(name, sizeof(name), "tree%d", round);
		make_dir(s->fd, name);
		root = openat(s->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		random_tree(&seed, root);
		for (i = 0; i < 300; i++) {
			random_path(&seed, path, sizeof(path));
			compare_back_ends(root, path,
					  flags[dice(&seed, ARRAY_LEN(flags))]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest comparison[] = {
		cmocka_unit_test_setup_teardown(both_back_ends_find_the_same,
						scratch_setup,
						scratch_teardown),
	};
	int failed;

	failed = cmocka_run_group_tests_name("openat2 and walk", comparison,
					     NULL, NULL);
	failed +=
		cmocka_run_group_tests_name("with openat2", tests, NULL, NULL);
	confined_disable_openat2();
	failed += cmocka_run_group_tests_name("by the walk", tests, NULL, NULL);
	return failed;
}
