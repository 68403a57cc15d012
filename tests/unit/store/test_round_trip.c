/* Random trees with all that a layer can hold, packed and unpacked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "store/base/io.h"
#include "tests/unit/base/scratch.h"
#include "tests/unit/store/place.h"
#include "tests/unit/store/run_program.h"
#include "tests/unit/store/trees.h"

#define ROUNDS 15
#define LONG_120                                                               \
	"0123456789012345678901234567890123456789012345678901234567890123"     \
	"45678901234567890123456789012345678901234567890123456789"

static const char *const names[] = { "a",    "b",      "a-b", "a.b",
				     "\xff", LONG_120, "\n",  " " };

static const enum entry_type types[] = {
	ENTRY_FILE, ENTRY_FILE, ENTRY_DIR,   ENTRY_DIR,	    ENTRY_HARDLINK,
	ENTRY_CHAR, ENTRY_FIFO, ENTRY_BLOCK, ENTRY_SYMLINK, ENTRY_WHITEOUT
};

static uint32_t choose(uint64_t *seed, size_t n)
{
	return random_next(seed) % (uint32_t)n;
}

/* Mostly small ids, sometimes the largest ones. */
static uint32_t random_id(uint64_t *seed)
{
	return choose(seed, 4) ? choose(seed, 3000000)
			       : UINT32_MAX - 1 - choose(seed, 3);
}

/* Before 1970, after 2106, and in between. */
static int64_t random_time(uint64_t *seed)
{
	return (int64_t)random_next(seed) * (choose(seed, 4) ? 1 : 3) -
	       (choose(seed, 4) ? 0 : 3000000000);
}

static struct xattr random_xattr(uint64_t *seed, char *data, size_t size)
{
	/* cap_net_raw; and an ACL that names user 5. */
	static const uint32_t capability[] = { 0x02000001, 0x2000, 0, 0, 0 };
	static const uint16_t acl[] = { 2,	0,	1,	6,	0xffff,
					0xffff, 2,	4,	5,	0,
					4,	4,	0xffff, 0xffff, 16,
					6,	0xffff, 0xffff, 32,	4,
					0xffff, 0xffff };
	const struct xattr all[] = {
		{ (char *)"user.x", data, size % 100 },
		{ (char *)"user.large", data, size % 2000 },
		{ (char *)"security.capability", (void *)capability,
		  sizeof(capability) },
		{ (char *)"system.posix_acl_access", (void *)acl, sizeof(acl) },
	};

	return all[choose(seed, ARRAY_LEN(all))];
}

static void put_randomly(struct tree *t, uint64_t *seed, size_t n_types)
{
	AUTO(stream_free) struct stream *contents = NULL;
	char path[512], other[512];
	size_t size = choose(seed, 300000), hole = choose(seed, 300000);
	autofree char *data = random_bytes(*seed, size);
	struct xattr x = random_xattr(seed, data, size);
	struct error err = ERROR_INIT;
	struct entry e = {
		.path = path,
		.type = types[choose(seed, n_types)],
		/* Who is not root reads nothing without them. */
		.mode = random_next(seed) % 010000 | (geteuid() ? 0700 : 0),
		.uid = random_id(seed),
		.gid = random_id(seed),
		.mtime = { random_time(seed), 0 },
		.link = other,
		.xattrs = &x,
		.n_xattrs = choose(seed, 2),
		.dev_major = 1 + choose(seed, 4000),
		.dev_minor = choose(seed, 100000),
	};

	if (hole < size)
		memset(data + hole, 0, (size - hole) / 4 * 3);
	snprintf(path, sizeof(path), "%s/%s%s%s",
		 names[choose(seed, ARRAY_LEN(names))],
		 names[choose(seed, ARRAY_LEN(names))],
		 choose(seed, 2) ? "/" : "",
		 names[choose(seed, ARRAY_LEN(names))]);
	memcpy(other, path, sizeof(other));
	other[0] = 'b';
	stream_from_memory(data, size, &contents, &err);
	/* Parents that are files make some of these fail. */
	tree_put(t, &e, e.type == ENTRY_FILE ? contents : NULL, &err);
}

static void fill_randomly(struct tree *t, uint64_t seed, size_t n_types)
{
	struct error err = ERROR_INIT;
	int i;

	for (i = 0; i < 60; i++)
		put_randomly(t, &seed, n_types);
	expect_ok(tree_finish(t, &err), &err);
}

static int clear_opaque(void *ctx, const struct tree_entry *e, int dirfd,
			const char *name, struct error *err)
{
	(void)ctx;
	(void)err;
	if (e->opaque) {
		autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

		fremovexattr(fd, "user.overlay.opaque");
	}
	return 0;
}

static void assert_same(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

static void remove_tree(struct scratch *s, const char *name)
{
	struct error err = ERROR_INIT;

	expect_ok(io_remove_tree(s->fd, name, &err), &err);
}

static void random_trees_give_the_same_tar_again(void **state)
{
	struct scratch *s = *state;
	uint64_t round;

	for (round = 0; round < ROUNDS; round++) {
		AUTO(buf_release) struct buf first = BUF_INIT;
		AUTO(buf_release) struct buf second = BUF_INIT;
		AUTO(tree_free) struct tree *a = tree_in(s->fd, "a");
		AUTO(tree_free) struct tree *b = tree_in(s->fd, "b");
		struct error err = ERROR_INIT;

		fill_randomly(a, round, ARRAY_LEN(types));
		expect_ok(tree_walk(a, clear_opaque, NULL, &err), &err);
		tar_of_tree(a, &first);
		expect_ok(extract_tar(b, &first, &err), &err);
		tar_of_tree(b, &second);
		assert_same(&first, &second);
		remove_tree(s, "a");
		remove_tree(s, "b");
	}
}

/* To GNU tar whiteouts are files, so there are none. */
static void gnu_tar_unpacks_what_was_packed(void **state)
{
	struct scratch *s = *state;
	uint64_t round;

	if (geteuid() != 0)
		skip();
	for (round = 0; round < ROUNDS; round++) {
		AUTO(buf_release) struct buf first = BUF_INIT;
		AUTO(buf_release) struct buf second = BUF_INIT;
		AUTO(buf_release) struct buf said = BUF_INIT;
		AUTO(tree_free) struct tree *a = tree_in(s->fd, "a");
		AUTO(tree_free) struct tree *b = tree_in(s->fd, "b");
		char to[PATH_MAX + 4];
		const char *const argv[] = { "tar",
					     "-xpf",
					     "-",
					     "--numeric-owner",
					     "--xattrs",
					     "--warning=no-timestamp",
					     "--xattrs-include=*",
					     "-C",
					     to,
					     NULL };

		fill_randomly(a, round + 1000, ARRAY_LEN(types) - 1);
		tar_of_tree(a, &first);
		snprintf(to, sizeof(to), "%s/b", s->path);
		assert_int_equal(run_program(argv, &first, &said), 0);
		tar_of_tree(b, &second);
		assert_same(&first, &second);
		remove_tree(s, "a");
		remove_tree(s, "b");
	}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(random_trees_give_the_same_tar_again),
		TEST(gnu_tar_unpacks_what_was_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
