/* A walk that reads directories ahead finds what any other walk finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "store/base/path.h"
#include "store/dir_stack.h"
#include "tests/unit/base/scratch.h"
#include "tests/unit/store/place.h"
#include "tests/unit/store/trees.h"

/* What a visit does besides writing down what it sees. */
struct visits {
	const char *skipped; /* names that begin so are not gone into */
	size_t ends_after;   /* so many visits; 0: never */
	size_t n;
	struct buf seen;
};

static bool is_skipped(const struct visits *v, const char *path)
{
	return v->skipped &&
	       !strncmp(path_base(path), v->skipped, strlen(v->skipped));
}

static int visit(void *ctx, const struct tree_entry *e, int dirfd,
		 const char *name, struct error *err)
{
	struct visits *v = ctx;

	(void)dirfd;
	(void)name;
	buf_printf(&v->seen, "%c %o %s %llu %llu %lld.%ld %s",
		   entry_letters[e->entry.type], e->entry.mode, e->entry.path,
		   (unsigned long long)e->entry.size,
		   (unsigned long long)e->inode, (long long)e->ctime.tv_sec,
		   e->ctime.tv_nsec, e->entry.link ? e->entry.link : "");
	for (size_t i = 0; i < e->entry.n_xattrs; i++)
		buf_printf(&v->seen, " %s", e->entry.xattrs[i].name);
	buf_append_char(&v->seen, '\n');
	if (++v->n == v->ends_after)
		return error_set(err, ERROR_CANCELED, "enough");
	return is_skipped(v, e->entry.path);
}

static bool enters(void *ctx, const char *path)
{
	return !is_skipped(ctx, path);
}

static bool enters_all(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return true;
}

static struct tree *open_tree(int dirfd, const char *name)
{
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	expect_ok(tree_new(fd, "", &t, &err), &err);
	return t;
}

/* Both walks see the same, and end the same way. Returns how much that was. */
static size_t assert_same_walks(int dirfd, const char *name,
				const struct visits *how)
{
	struct visits plain = *how, ahead = *how;
	AUTO(tree_free) struct tree *t = open_tree(dirfd, name);
	struct error err = ERROR_INIT;
	int expected = tree_walk(t, visit, &plain, &err);

	error_clear(&err);
	tree_read_ahead(t, how->skipped ? enters : enters_all, &ahead);
	assert_int_equal(tree_walk(t, visit, &ahead, &err), expected);
	error_clear(&err);
	assert_int_equal(ahead.n, plain.n);
	assert_string_equal(ahead.seen.data, plain.seen.data);
	buf_release(&ahead.seen);
	buf_release(&plain.seen);
	return plain.n;
}

/* 20 times 20 directories of some files, links and attributes. */
static void make_packages(int fd)
{
	char path[64];

	for (int i = 0; i < 400; i++) {
		if (i % 20 == 0) {
			snprintf(path, sizeof(path), "p%02d", i / 20);
			assert_int_equal(mkdirat(fd, path, 0755), 0);
		}
		snprintf(path, sizeof(path), "p%02d/%s%02d", i / 20,
			 i % 7 ? "lib" : "out", i % 20);
		assert_int_equal(mkdirat(fd, path, 0700), 0);
		for (int k = 0; k < i % 5; k++) {
			snprintf(path, sizeof(path), "p%02d/%s%02d/f%d", i / 20,
				 i % 7 ? "lib" : "out", i % 20, k);
			make_file(fd, path, path);
		}
		snprintf(path, sizeof(path), "p%02d/link%02d", i / 20, i % 20);
		assert_int_equal(symlinkat("lib01", fd, path), 0);
	}
}

static void many_directories_are_seen_alike(void **state)
{
	struct scratch *s = *state;
	size_t n;

	make_packages(s->fd);
	n = assert_same_walks(s->fd, ".", &(struct visits){ 0 });
	assert_int_equal(n, 20 + 400 + 400 + 800);
}

static void what_is_skipped_is_left_out(void **state)
{
	struct scratch *s = *state;
	struct visits how = { .skipped = "out" };

	make_packages(s->fd);
	assert_same_walks(s->fd, ".", &how);
	how.skipped = "p1";
	assert_same_walks(s->fd, ".", &how);
	how.skipped = "p";
	assert_same_walks(s->fd, ".", &how);
}

/* Nothing says before the visit that it is not going to be gone into. */
static void skipping_may_come_as_a_surprise(void **state)
{
	struct scratch *s = *state;
	struct visits v = { .skipped = "p0" };
	AUTO(tree_free) struct tree *t = NULL;
	struct error err = ERROR_INIT;

	make_packages(s->fd);
	t = open_tree(s->fd, ".");
	tree_read_ahead(t, enters_all, NULL);
	expect_ok(tree_walk(t, visit, &v, &err), &err);
	assert_null(strstr(v.seen.data, " p09/"));
	assert_non_null(strstr(v.seen.data, " p10/lib19/f3 "));
	assert_int_equal(v.n, 20 + 10 * (20 + 20 + 40));
	buf_release(&v.seen);
}

/* And the other way round: gone into, although it was to be left out. */
static void nothing_depends_on_what_was_expected(void **state)
{
	struct scratch *s = *state;
	struct visits expects = { .skipped = "p0" }, v = { 0 };
	AUTO(tree_free) struct tree *t = NULL;
	struct error err = ERROR_INIT;

	make_packages(s->fd);
	t = open_tree(s->fd, ".");
	tree_read_ahead(t, enters, &expects);
	expect_ok(tree_walk(t, visit, &v, &err), &err);
	assert_int_equal(v.n, 20 + 400 + 400 + 800);
	buf_release(&v.seen);
}

static void a_walk_may_end_anywhere(void **state)
{
	static const size_t ends[] = { 1, 2, 50, 300, 1000, 1619 };
	struct scratch *s = *state;

	make_packages(s->fd);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		assert_same_walks(s->fd, ".",
				  &(struct visits){ .ends_after = ends[i] });
}

/* More than is kept ready at a time. */
static void large_directories_are_seen_alike(void **state)
{
	struct scratch *s = *state;
	char path[64];

	make_packages(s->fd);
	assert_int_equal(mkdirat(s->fd, "p10/large", 0755), 0);
	for (int i = 0; i < 17000; i++) {
		snprintf(path, sizeof(path), "p10/large/%d", i);
		if (i % 100 == 0)
			assert_int_equal(mkdirat(s->fd, path, 0755), 0);
		else
			assert_int_equal(mknodat(s->fd, path, S_IFREG, 0), 0);
	}
	for (int i = 0; i < 17000; i += 100) {
		snprintf(path, sizeof(path), "p10/large/%d/in", i);
		make_file(s->fd, path, "x");
	}
	assert_true(assert_same_walks(s->fd, ".", &(struct visits){ 0 }) >
		    17000);
}

/* Directories in one another, each beside a file. */
static void make_chain(int fd, int depth)
{
	struct buf path = BUF_INIT;

	buf_append_str(&path, "d");
	for (int i = 0; i < depth; i++) {
		size_t len = path.len;

		assert_int_equal(mkdirat(fd, path.data, 0755), 0);
		buf_append_str(&path, "/a file");
		make_file(fd, path.data, "x");
		buf_truncate(&path, len);
		buf_append_str(&path, "/d");
	}
	buf_release(&path);
}

/* More levels than stay open. */
static void deep_trees_are_seen_alike(void **state)
{
	struct scratch *s = *state;

	make_chain(s->fd, 300);
	assert_int_equal(assert_same_walks(s->fd, ".", &(struct visits){ 0 }),
			 600);
}

/* Both walks refuse what is too deep for a layer, without going down there. */
static void too_deep_trees_are_refused_alike(void **state)
{
	struct scratch *s = *state;
	char name[251];
	int fd = dup(s->fd);

	make_packages(s->fd);
	memset(name, 'q', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 100; i++) {
		int below;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		below = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(below >= 0);
		close(fd);
		fd = below;
	}
	close(fd);
	/* Packages come first, then 15 levels of 251 bytes. */
	assert_int_equal(assert_same_walks(s->fd, ".", &(struct visits){ 0 }),
			 20 + 400 + 400 + 800 + 16);
}

/* Takes away what lies ahead of it. */
static int remove_next(void *ctx, const struct tree_entry *e, int dirfd,
		       const char *name, struct error *err)
{
	struct scratch *s = ctx;
	char path[64];
	int package, n;

	(void)dirfd;
	(void)name;
	(void)err;
	if (sscanf(e->entry.path, "p%d/lib%d", &package, &n) != 2 || n % 4)
		return 0;
	snprintf(path, sizeof(path), "p%02d/link%02d", package, n);
	unlinkat(s->fd, path, 0);
	snprintf(path, sizeof(path), "p%02d/lib%02d/f0", package, n + 1);
	unlinkat(s->fd, path, 0);
	snprintf(path, sizeof(path), "p%02d/z%02d", package, n);
	unlinkat(s->fd, path, AT_REMOVEDIR);
	return 0;
}

static void what_vanishes_is_left_out(void **state)
{
	struct scratch *s = *state;
	AUTO(tree_free) struct tree *t = NULL;
	struct error err = ERROR_INIT;

	make_packages(s->fd);
	for (int i = 0; i < 400; i++) {
		char path[64];

		snprintf(path, sizeof(path), "p%02d/z%02d", i / 20, i % 20);
		assert_int_equal(mkdirat(s->fd, path, 0755), 0);
	}
	t = open_tree(s->fd, ".");
	tree_read_ahead(t, enters_all, NULL);
	expect_ok(tree_walk(t, remove_next, s, &err), &err);
}

static void few_descriptors_are_enough(void **state)
{
	struct scratch *s = *state;
	struct rlimit before, few;
	struct visits v = { 0 };
	AUTO(tree_free) struct tree *t = NULL;
	struct error err = ERROR_INIT;

	make_packages(s->fd);
	make_chain(s->fd, 300);
	t = open_tree(s->fd, ".");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur =
		count_entries(AT_FDCWD, "/proc/self/fd") + DIR_STACK_OPEN + 14;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	tree_read_ahead(t, enters_all, NULL);
	expect_ok(tree_walk(t, visit, &v, &err), &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(v.n, 20 + 400 + 400 + 800 + 600);
	buf_release(&v.seen);
}

static void attributes_are_seen_alike(void **state)
{
	struct scratch *s = *state;
	char path[4200];

	make_packages(s->fd);
	for (int i = 1; i < 20; i += 3) {
		snprintf(path, sizeof(path), "%s/p%02d", s->path, i);
		if (setxattr(path, "user.note", "x", 1, 0) < 0)
			skip();
		snprintf(path, sizeof(path), "%s/p00/%s%02d", s->path,
			 i % 7 ? "lib" : "out", i);
		assert_int_equal(setxattr(path, "user.note", "x", 1, 0), 0);
	}
	assert_same_walks(s->fd, ".", &(struct visits){ 0 });
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_directories_are_seen_alike),
		TEST(what_is_skipped_is_left_out),
		TEST(skipping_may_come_as_a_surprise),
		TEST(nothing_depends_on_what_was_expected),
		TEST(a_walk_may_end_anywhere),
		TEST(large_directories_are_seen_alike),
		TEST(deep_trees_are_seen_alike),
		TEST(too_deep_trees_are_refused_alike),
		TEST(what_vanishes_is_left_out),
		TEST(few_descriptors_are_enough),
		TEST(attributes_are_seen_alike),
	};

	return cmocka_run_group_tests_name("tree_ahead", tests, NULL, NULL);
}
