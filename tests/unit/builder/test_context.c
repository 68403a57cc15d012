#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/file_root.h"
#include "tests/unit/builder/lab.h"
#include "tests/unit/store/place.h"

/* A context with an ignore file, as a root of files. */
struct opened {
	struct context *context;
	struct file_root *root;
};

static struct opened open_context(struct lab *lab, const char *ignore)
{
	struct opened o = { 0 };
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;

	buf_append_str(&text, ignore);
	expect_ok(context_open(lab->store, lab->dir->path, ".dockerignore",
			       &text, &o.context, &err),
		  &err);
	expect_ok(file_root_from_context(o.context, "the build context",
					 &o.root, &err),
		  &err);
	buf_release(&text);
	return o;
}

static void close_context(struct opened *o)
{
	file_root_free(o->root);
	context_free(o->context);
}

static int append_path(void *ctx, struct file_node *n, struct error *err)
{
	struct buf *paths = ctx;

	(void)err;
	buf_printf(paths, "%s%s", paths->len ? " " : "", n->meta.path);
	file_node_free(n);
	return 0;
}

/* What a walk from `top` passes, with blanks between. */
static void expect_walk(struct lab *lab, const char *ignore, const char *top,
			const char *expected)
{
	struct opened o = open_context(lab, ignore);
	AUTO(buf_release) struct buf paths = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_append_str(&paths, "");
	expect_ok(file_root_walk(o.root, top, append_path, &paths, &err), &err);
	assert_string_equal(paths.data, expected);
	close_context(&o);
}

static int setup(void **state)
{
	struct lab *lab;
	int fd;

	if (lab_setup(state) < 0)
		return -1;
	lab = *state;
	fd = lab->dir->fd;
	make_file(fd, "a", "a");
	make_dir(fd, "d");
	make_file(fd, "d/x", "x");
	make_dir(fd, "d/e");
	make_file(fd, "d/e/y", "y");
	make_file(fd, "d-", "between");
	make_link(fd, "link", "d/e");
	make_link(fd, "up", "../../d");
	make_link(fd, "loop", "loop");
	return 0;
}

static void a_walk_is_in_canonical_order(void **state)
{
	expect_walk(*state, "", "", "a d d/e d/e/y d/x d- link loop up");
	expect_walk(*state, "", "d", "d/e d/e/y d/x");
}

static void hidden_files_are_passed_over(void **state)
{
	expect_walk(*state, "d\n", "", "a d- link loop up");
	expect_walk(*state, "*\n!d/e/y\n", "", "d d/e d/e/y");
	expect_walk(*state, "*\n!d/nothing\n", "", "");
	expect_walk(*state, "d\n!d/e\n", "", "a d d/e d/e/y d- link loop up");
	expect_walk(*state, "**/x\nl*\n", "", "a d d/e d/e/y d- up");
}

static void expect_lookup(struct file_root *root, const char *path,
			  const char *expected)
{
	AUTO(file_node_free) struct file_node *n = NULL;
	struct error err = ERROR_INIT;
	int found = file_root_lookup(root, path, &n, &err);

	expect_ok(found, &err);
	assert_int_equal(found, expected != NULL);
	if (expected)
		assert_string_equal(n->meta.path, expected);
}

static void links_are_followed_inside_the_context(void **state)
{
	struct opened o = open_context(*state, "d/x\n");
	struct error err = ERROR_INIT;
	struct file_node *n;

	expect_lookup(o.root, "", "");
	expect_lookup(o.root, "a", "a");
	expect_lookup(o.root, "link/y", "d/e/y");
	expect_lookup(o.root, "up/e", "d/e");
	expect_lookup(o.root, "../../a", "a");
	expect_lookup(o.root, "d/x", NULL);
	expect_lookup(o.root, "link/../x", NULL);
	expect_lookup(o.root, "a/b", NULL);
	assert_int_equal(file_root_lookup(o.root, "loop", &n, &err), -1);
	assert_int_equal(err.sys, ELOOP);
	close_context(&o);
}

static void digests_are_those_of_the_contents(void **state)
{
	struct opened o = open_context(*state, "");
	struct error err = ERROR_INIT;
	AUTO(file_node_free) struct file_node *n = NULL;
	struct digest expected;

	assert_int_equal(file_root_lookup(o.root, "d/e/y", &n, &err), 1);
	expect_ok(file_root_digest(o.root, &n, 1, &err), &err);
	digest_bytes("y", 1, &expected);
	assert_string_equal(n->digest.text, expected.text);
	close_context(&o);
}

static void a_file_that_changed_meanwhile_is_noticed(void **state)
{
	struct lab *lab = *state;
	struct opened o = open_context(lab, "");
	AUTO(file_node_free) struct file_node *n = NULL;
	struct error err = ERROR_INIT;
	off_t offset;

	assert_int_equal(file_root_lookup(o.root, "a", &n, &err), 1);
	make_file(lab->dir->fd, "new", "b");
	assert_int_equal(renameat(lab->dir->fd, "new", lab->dir->fd, "a"), 0);
	assert_int_equal(file_root_open(o.root, n, &offset, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	close_context(&o);
}

static void a_hidden_path_is_told_with_its_line(void **state)
{
	struct opened o = open_context(*state, "# why\n\n*\n!a\n");
	const char *name = NULL;
	int line = 0;

	assert_true(context_ignores(o.context, "d/x", &line, &name));
	assert_int_equal(line, 3);
	assert_string_equal(name, ".dockerignore");
	assert_false(context_ignores(o.context, "a", &line, &name));
	assert_false(context_ignores(o.context, "", &line, &name));
	close_context(&o);
}

static void bad_patterns_are_refused(void **state)
{
	struct lab *lab = *state;
	struct error err = ERROR_INIT;
	struct context *c = NULL;
	struct buf text = BUF_INIT;
	char message[512];

	buf_append_str(&text, "a\n!\n");
	assert_int_equal(context_open(lab->store, lab->dir->path, "x.ignore",
				      &text, &c, &err),
			 -1);
	assert_non_null(strstr(error_message(&err, message, sizeof(message)),
			       "x.ignore"));
	buf_release(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_walk_is_in_canonical_order),
		TEST(hidden_files_are_passed_over),
		TEST(links_are_followed_inside_the_context),
		TEST(digests_are_those_of_the_contents),
		TEST(a_file_that_changed_meanwhile_is_noticed),
		TEST(a_hidden_path_is_told_with_its_line),
		TEST(bad_patterns_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
