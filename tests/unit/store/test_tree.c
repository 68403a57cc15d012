#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "store/base/io.h"
#include "tests/unit/base/scratch.h"
#include "tests/unit/store/place.h"
#include "tests/unit/store/trees.h"

/* A tree beside a file that nothing may reach. */
struct fixture {
	struct scratch *scratch;
	struct tree *tree;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (scratch_setup((void **)&f->scratch) < 0)
		return -1;
	make_file(f->scratch->fd, "canary", "alive");
	f->tree = tree_in(f->scratch->fd, "tree");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int ret;

	tree_free(f->tree);
	ret = scratch_teardown((void **)&f->scratch);
	free(f);
	return ret;
}

static void assert_tree(struct fixture *f, const char *expected)
{
	autofree char *found = NULL;
	struct error err = ERROR_INIT;

	expect_ok(tree_finish(f->tree, &err), &err);
	found = describe_tree(f->tree);
	assert_string_equal(found, expected);
}

/* Nothing outside of the tree was touched. */
static void assert_unharmed(struct fixture *f)
{
	autofree char *canary = read_text(f->scratch->fd, "canary");

	assert_string_equal(canary, "alive");
	assert_int_equal(count_entries(f->scratch->fd, "."), 2);
}

static int put(struct fixture *f, enum entry_type type, const char *path,
	       const char *link, struct error *err)
{
	const struct entry e = {
		.path = path, .type = type, .mode = 0644, .link = link
	};

	return tree_put(f->tree, &e, NULL, err);
}

static void what_is_put_is_found(void **state)
{
	struct fixture *f = *state;
	struct tree_entry e = { 0 };
	struct error err = ERROR_INIT;

	put_entry(f->tree, ENTRY_DIR, "d", NULL);
	put_entry(f->tree, ENTRY_FILE, "d/f", "hello");
	put_entry(f->tree, ENTRY_HARDLINK, "d/g", "d/f");
	put_entry(f->tree, ENTRY_SYMLINK, "l", "../../canary");
	put_entry(f->tree, ENTRY_FIFO, "p", NULL);
	expect_ok(tree_stat(f->tree, "d/g", &e, &err), &err);
	assert_int_equal(e.n_links, 2);
	tree_entry_release(&e);
	assert_tree(f, "d 755 0:0 d\nf 644 0:0 d/f = hello\n"
		       "f 644 0:0 d/g = hello\n"
		       "l 777 0:0 l -> ../../canary\np 644 0:0 p\n");
	assert_unharmed(f);
}

static void missing_parents_are_made(void **state)
{
	struct fixture *f = *state;

	put_entry(f->tree, ENTRY_FILE, "a/b/c", "x");
	assert_tree(f, "d 755 0:0 a\nd 755 0:0 a/b\nf 644 0:0 a/b/c = x\n");
}

static void the_last_of_several_entries_counts(void **state)
{
	struct fixture *f = *state;

	put_entry(f->tree, ENTRY_FILE, "a", "first and longer");
	put_entry(f->tree, ENTRY_FILE, "a", "second");
	put_entry(f->tree, ENTRY_SYMLINK, "b", "x");
	put_entry(f->tree, ENTRY_FILE, "b", "file");
	put_entry(f->tree, ENTRY_FILE, "c/d/e", "deep");
	put_entry(f->tree, ENTRY_FILE, "c", "flat");
	put_entry(f->tree, ENTRY_SYMLINK, "d", "a");
	put_entry(f->tree, ENTRY_DIR, "d", NULL);
	assert_tree(f, "f 644 0:0 a = second\nf 644 0:0 b = file\n"
		       "f 644 0:0 c = flat\nd 755 0:0 d\n");
}

static void a_directory_over_a_directory_keeps_its_contents(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	const struct entry e = { .path = "d",
				 .type = ENTRY_DIR,
				 .mode = 01777 };

	put_entry(f->tree, ENTRY_FILE, "d/f", "x");
	expect_ok(tree_put(f->tree, &e, NULL, &err), &err);
	assert_tree(f, "d 1777 0:0 d\nf 644 0:0 d/f = x\n");
}

static void links_in_parents_are_followed_inside_the_tree(void **state)
{
	struct fixture *f = *state;

	put_entry(f->tree, ENTRY_SYMLINK, "lib", "usr/lib");
	put_entry(f->tree, ENTRY_FILE, "lib/a", "1");
	put_entry(f->tree, ENTRY_SYMLINK, "abs", "/usr");
	put_entry(f->tree, ENTRY_FILE, "abs/b", "2");
	put_entry(f->tree, ENTRY_SYMLINK, "out", "../../../..");
	put_entry(f->tree, ENTRY_FILE, "out/c", "3");
	put_entry(f->tree, ENTRY_SYMLINK, "up", "../canary/..");
	put_entry(f->tree, ENTRY_FILE, "up/d", "4");
	put_entry(f->tree, ENTRY_HARDLINK, "e", "lib/a");
	put_entry(f->tree, ENTRY_WHITEOUT, "lib/gone", NULL);
	put_entry(f->tree, ENTRY_OPAQUE, "abs", NULL);
	assert_tree(f, "l 777 0:0 abs -> /usr\nf 644 0:0 c = 3\n"
		       "f 644 0:0 d = 4\nf 644 0:0 e = 1\n"
		       "l 777 0:0 lib -> usr/lib\n"
		       "l 777 0:0 out -> ../../../..\n"
		       "l 777 0:0 up -> ../canary/..\n"
		       "d 755 0:0 usr opaque\nf 644 0:0 usr/b = 2\n"
		       "d 755 0:0 usr/lib\nf 644 0:0 usr/lib/a = 1\n"
		       "w 0 0:0 usr/lib/gone\n");
	assert_unharmed(f);
}

static void links_that_lead_out_are_refused_on_request(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	tree_set_links(f->tree, TREE_LINKS_REFUSE);
	put_entry(f->tree, ENTRY_SYMLINK, "abs", "/tmp");
	put_entry(f->tree, ENTRY_SYMLINK, "up", "../..");
	put_entry(f->tree, ENTRY_SYMLINK, "in", "d/../e");
	put_entry(f->tree, ENTRY_SYMLINK, "via", "in/up");
	put_entry(f->tree, ENTRY_SYMLINK, "e/up", "../../x");
	assert_int_equal(put(f, ENTRY_FILE, "abs/x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(put(f, ENTRY_DIR, "up/x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(put(f, ENTRY_FILE, "via/x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(put(f, ENTRY_HARDLINK, "h", "up/canary", &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	put_entry(f->tree, ENTRY_FILE, "in/ok", "fine");
	assert_unharmed(f);
}

static void link_loops_and_files_as_parents_are_refused(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	put_entry(f->tree, ENTRY_SYMLINK, "a", "b");
	put_entry(f->tree, ENTRY_SYMLINK, "b", "a");
	put_entry(f->tree, ENTRY_FILE, "f", "x");
	assert_int_equal(put(f, ENTRY_FILE, "a/x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(put(f, ENTRY_FILE, "f/x", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void hard_links_reach_nothing_but_the_tree(void **state)
{
	static const char *const targets[] = { "canary", "missing", "d",
					       "out/canary", "d/x/y" };
	struct fixture *f = *state;
	size_t i;

	put_entry(f->tree, ENTRY_DIR, "d", NULL);
	put_entry(f->tree, ENTRY_SYMLINK, "out", "..");
	for (i = 0; i < ARRAY_LEN(targets); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(put(f, ENTRY_HARDLINK, "h", targets[i], &err),
				 -1);
		assert_int_equal(err.kind, ERROR_REFUSED);
	}
	assert_unharmed(f);
}

static void a_hard_link_to_itself_keeps_the_file(void **state)
{
	struct fixture *f = *state;

	put_entry(f->tree, ENTRY_FILE, "a", "x");
	put_entry(f->tree, ENTRY_HARDLINK, "a", "a");
	put_entry(f->tree, ENTRY_HARDLINK, "b", "a");
	put_entry(f->tree, ENTRY_HARDLINK, "a", "b");
	assert_tree(f, "f 644 0:0 a = x\nf 644 0:0 b = x\n");
}

static void whiteouts_concern_lower_layers_only(void **state)
{
	struct fixture *f = *state;

	put_entry(f->tree, ENTRY_FILE, "kept", "x");
	put_entry(f->tree, ENTRY_WHITEOUT, "kept", NULL);
	put_entry(f->tree, ENTRY_WHITEOUT, "file", NULL);
	put_entry(f->tree, ENTRY_FILE, "file", "y");
	put_entry(f->tree, ENTRY_DIR, "d1", NULL);
	put_entry(f->tree, ENTRY_WHITEOUT, "d1", NULL);
	put_entry(f->tree, ENTRY_WHITEOUT, "d2", NULL);
	put_entry(f->tree, ENTRY_DIR, "d2", NULL);
	put_entry(f->tree, ENTRY_WHITEOUT, "d3", NULL);
	put_entry(f->tree, ENTRY_FILE, "d3/f", "z");
	put_entry(f->tree, ENTRY_OPAQUE, "d4", NULL);
	put_entry(f->tree, ENTRY_WHITEOUT, "gone", NULL);
	assert_tree(f, "d 755 0:0 d1 opaque\nd 755 0:0 d2 opaque\n"
		       "d 755 0:0 d3 opaque\nf 644 0:0 d3/f = z\n"
		       "d 755 0:0 d4 opaque\nf 644 0:0 file = y\n"
		       "w 0 0:0 gone\nf 644 0:0 kept = x\n");
}

static void devices_survive_even_as_placeholders(void **state)
{
	const struct entry devices[] = {
		{ .path = "null",
		  .type = ENTRY_CHAR,
		  .mode = 0666,
		  .dev_major = 1,
		  .dev_minor = 3 },
		{ .path = "sda",
		  .type = ENTRY_BLOCK,
		  .mode = 0660,
		  .gid = 6,
		  .dev_major = 8 },
		{ .path = "zero", .type = ENTRY_CHAR, .mode = 0600 },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(devices); i++) {
		struct error err = ERROR_INIT;

		expect_ok(tree_put(f->tree, &devices[i], NULL, &err), &err);
	}
	assert_tree(f, "c 666 0:0 null 1,3\nb 660 0:6 sda 8,0\n"
		       "c 600 0:0 zero 0,0\n");
}

static void owners_modes_and_times_come_back(void **state)
{
	struct fixture *f = *state;
	struct tree_entry found = { 0 };
	struct error err = ERROR_INIT;
	const struct entry dir = { .path = "d",
				   .type = ENTRY_DIR,
				   .mode = 0500,
				   .mtime = { 1000, 0 } };
	const struct entry file = { .path = "d/f",
				    .type = ENTRY_FILE,
				    .mode = 06755,
				    .uid = 1000,
				    .gid = 4000000000U,
				    .mtime = { -5, 250000000 } };

	expect_ok(tree_put(f->tree, &dir, NULL, &err), &err);
	expect_ok(tree_put(f->tree, &file, NULL, &err), &err);
	expect_ok(tree_finish(f->tree, &err), &err);
	expect_ok(tree_stat(f->tree, "d/f", &found, &err), &err);
	assert_int_equal(found.entry.mode, 06755);
	assert_int_equal(found.entry.uid, 1000);
	assert_int_equal(found.entry.gid, 4000000000U);
	assert_int_equal(found.entry.mtime.tv_sec, -5);
	tree_entry_release(&found);
	expect_ok(tree_stat(f->tree, "d", &found, &err), &err);
	assert_int_equal(found.entry.mtime.tv_sec, 1000);
	tree_entry_release(&found);
}

static void attributes_come_back_without_those_of_the_machine(void **state)
{
	struct fixture *f = *state;
	struct tree_entry found = { 0 };
	struct error err = ERROR_INIT;
	struct xattr xattrs[] = {
		{ (char *)"trusted.overlay.redirect", (char *)"/etc", 4 },
		{ (char *)"user.b", (char *)"2\0two", 5 },
		{ (char *)"user.overlay.opaque", (char *)"y", 1 },
		{ (char *)"user.shale.node", (char *)"c 1:3", 5 },
	};
	struct entry e = {
		.path = "f", .type = ENTRY_FILE, .xattrs = xattrs, .n_xattrs = 4
	};

	expect_ok(tree_put(f->tree, &e, NULL, &err), &err);
	expect_ok(tree_stat(f->tree, "f", &found, &err), &err);
	assert_int_equal(found.entry.type, ENTRY_FILE);
	assert_int_equal(found.entry.n_xattrs, 1);
	assert_string_equal(found.entry.xattrs[0].name, "user.b");
	assert_int_equal(found.entry.xattrs[0].size, 5);
	assert_memory_equal(found.entry.xattrs[0].value, "2\0two", 5);
	tree_entry_release(&found);
}

static void owner_notes_count_on_files_of_root_alone(void **state)
{
	struct fixture *f = *state;
	struct tree_entry found = { 0 };
	struct error err = ERROR_INIT;
	int fd;

	put_entry(f->tree, ENTRY_FILE, "f", "x");
	fd = tree_open_file(f->tree, "f", &err);
	assert_int_equal(fsetxattr(fd, "user.shale.owner", "7:8", 3, 0), 0);
	expect_ok(tree_stat(f->tree, "f", &found, &err), &err);
	assert_int_equal(found.entry.uid, 7);
	assert_int_equal(found.entry.gid, 8);
	assert_int_equal(found.entry.n_xattrs, 0);
	tree_entry_release(&found);
	assert_int_equal(fchown(fd, 5, 6), 0);
	expect_ok(tree_stat(f->tree, "f", &found, &err), &err);
	assert_int_equal(found.entry.uid, 5);
	assert_int_equal(found.entry.gid, 6);
	tree_entry_release(&found);
	close(fd);
}

static void half_files_of_overlayfs_are_refused(void **state)
{
	struct fixture *f = *state;
	struct tree_entry found;
	struct error err = ERROR_INIT;
	int fd;

	put_entry(f->tree, ENTRY_FILE, "f", "x");
	fd = tree_open_file(f->tree, "f", &err);
	assert_int_equal(fsetxattr(fd, "user.overlay.metacopy", "", 0, 0), 0);
	close(fd);
	assert_int_equal(tree_stat(f->tree, "f", &found, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void sockets_are_no_entries(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct tree_entry found;
	struct error err = ERROR_INIT;

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/tree/s",
		 f->scratch->path);
	assert_int_equal(bind(s, (void *)&address, sizeof(address)), 0);
	assert_int_equal(tree_stat(f->tree, "s", &found, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_tree(f, "");
}

static void lookups_follow_no_links(void **state)
{
	struct fixture *f = *state;
	struct tree_entry found;
	struct error err = ERROR_INIT;

	put_entry(f->tree, ENTRY_FILE, "d/f", "x");
	put_entry(f->tree, ENTRY_SYMLINK, "l", "d");
	put_entry(f->tree, ENTRY_SYMLINK, "m", "d/f");
	put_entry(f->tree, ENTRY_FIFO, "p", NULL);
	assert_int_equal(tree_stat(f->tree, "l/f", &found, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(tree_stat(f->tree, "d/f/g", &found, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(tree_open_file(f->tree, "m", &err), -1);
	assert_int_equal(tree_open_file(f->tree, "p", &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void holes_stay_holes(void **state)
{
	struct fixture *f = *state;
	AUTO(tree_free) struct tree *copy = tree_in(f->scratch->fd, "copy");
	AUTO(buf_release) struct buf tar = BUF_INIT;
	autoclose int fd = -1, big = -1;
	struct error err = ERROR_INIT;
	off_t size = (off_t)100 << 30;
	struct stat st;

	put_entry(f->tree, ENTRY_FILE, "lastlog", NULL);
	big = openat(tree_fd(f->tree), "lastlog", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(big, "x", 1, size / 3), 1);
	assert_int_equal(ftruncate(big, size), 0);
	tar_of_tree(f->tree, &tar);
	assert_in_range(tar.len, 1, 20000);
	expect_ok(extract_tar(copy, &tar, &err), &err);
	fd = tree_open_file(copy, "lastlog", &err);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size == size);
	assert_in_range(st.st_blocks, 1, 64);
}

static void very_deep_trees_are_walked(void **state)
{
	struct fixture *f = *state;
	char path[4096];
	size_t i;
	autofree char *found = NULL;

	for (i = 0; i < 1000; i++)
		memcpy(path + 2 * i, "d/", 2);
	memcpy(path + 2 * i, "f", 2);
	put_entry(f->tree, ENTRY_FILE, path, "deep");
	found = describe_tree(f->tree);
	assert_non_null(strstr(found, "d/d/d/f = deep\n"));
}

/* A random tree: names collide on purpose, so that entries replace others. */
static void write_text(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(77);
}

/* Inside a user namespace with the ids 0 to 999; exits 0 when all is well. */
static void check_in_namespace(struct fixture *f)
{
	const struct entry device = { .path = "null",
				      .type = ENTRY_CHAR,
				      .mode = 0666,
				      .uid = 5,
				      .dev_major = 1,
				      .dev_minor = 3 };
	const struct entry stranger = { .path = "f",
					.type = ENTRY_FILE,
					.uid = 1000 };
	const struct entry gone = { .path = "w", .type = ENTRY_WHITEOUT };
	AUTO(tree_entry_release) struct tree_entry found = { 0 };
	struct error err = ERROR_INIT;
	char text[1024];

	if (tree_put(f->tree, &device, NULL, &err) < 0 ||
	    tree_put(f->tree, &gone, NULL, &err) < 0 ||
	    tree_stat(f->tree, "null", &found, &err) < 0)
		_exit(1);
	if (found.entry.type != ENTRY_CHAR || found.entry.dev_major != 1 ||
	    found.entry.dev_minor != 3 || found.entry.uid != 5)
		_exit(2);
	if (tree_put(f->tree, &stranger, NULL, &err) == 0)
		_exit(3);
	error_message(&err, text, sizeof(text));
	_exit(strstr(text, "1000:0") && strstr(text, "subuid") ? 0 : 4);
}

static void user_namespaces_keep_devices_and_name_missing_ids(void **state)
{
	struct fixture *f = *state;
	int ready[2], status;
	char path[64], byte;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		close(ready[1]);
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(77);
		kill(getpid(), SIGSTOP);
		if (read(ready[0], &byte, 1) < 0)
			_exit(77);
		check_in_namespace(f);
	}
	close(ready[0]);
	waitpid(pid, &status, WUNTRACED);
	if (WIFSTOPPED(status)) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
		write_text(path, "0 0 1000");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
		write_text(path, "0 0 1000");
		kill(pid, SIGCONT);
		close(ready[1]);
		waitpid(pid, &status, 0);
	}
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_is_found),
		TEST(missing_parents_are_made),
		TEST(the_last_of_several_entries_counts),
		TEST(a_directory_over_a_directory_keeps_its_contents),
		TEST(links_in_parents_are_followed_inside_the_tree),
		TEST(links_that_lead_out_are_refused_on_request),
		TEST(link_loops_and_files_as_parents_are_refused),
		TEST(hard_links_reach_nothing_but_the_tree),
		TEST(a_hard_link_to_itself_keeps_the_file),
		TEST(whiteouts_concern_lower_layers_only),
		TEST(devices_survive_even_as_placeholders),
		TEST(owners_modes_and_times_come_back),
		TEST(attributes_come_back_without_those_of_the_machine),
		TEST(owner_notes_count_on_files_of_root_alone),
		TEST(half_files_of_overlayfs_are_refused),
		TEST(sockets_are_no_entries),
		TEST(lookups_follow_no_links),
		TEST(holes_stay_holes),
		TEST(very_deep_trees_are_walked),
		TEST(user_namespaces_keep_devices_and_name_missing_ids),
	};

	/* Owners and devices are root's business. */
	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
