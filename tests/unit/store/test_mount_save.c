#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/json.h"
#include "store/base/map.h"
#include "store/chunker.h"
#include "store/mount_restore.h"
#include "store/mount_save.h"
#include "tests/unit/store/place.h"
#include "tests/unit/store/trees.h"

#define SIZE ((size_t)8 << 20)

/* ---- chunks ---- */

/* How many chunks of `data` are not in `known`; all are put there. */
static unsigned count_new(struct map *known, const unsigned char *data,
			  size_t len, unsigned *total)
{
	struct chunker c;
	unsigned n = 0;

	chunker_init(&c);
	*total = 0;
	for (size_t at = 0, size; at < len; at += size) {
		struct digest digest;

		size = chunker_cut(&c, data + at, len - at);
		assert_in_range(size, 1, CHUNK_MAX);
		if (at + size < len)
			assert_in_range(size, CHUNK_MIN, CHUNK_MAX);
		digest_bytes(data + at, size, &digest);
		n += !map_get(known, &digest, sizeof(digest));
		assert_int_equal(map_put(known, &digest, sizeof(digest), known),
				 0);
		(*total)++;
	}
	return n;
}

static void a_change_leaves_other_chunks_alone(void **state)
{
	AUTO(map_free) struct map *known = map_new(NULL);
	autofree unsigned char *data = malloc(SIZE + 16);
	uint64_t seed = 7;
	unsigned total;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)random_next(&seed);
	count_new(known, data, SIZE, &total);
	/* Around 128 KiB each. */
	assert_in_range(total, 40, 120);
	memmove(data + SIZE / 2 + 16, data + SIZE / 2, SIZE / 2);
	assert_in_range(count_new(known, data, SIZE + 16, &total), 1, 3);
}

static void equal_bytes_are_cut_at_the_largest_size(void **state)
{
	AUTO(map_free) struct map *known = map_new(NULL);
	autofree unsigned char *zeros = calloc(1, SIZE);
	unsigned total;

	(void)state;
	assert_int_equal(count_new(known, zeros, SIZE, &total), 1);
	assert_int_equal(total, SIZE / CHUNK_MAX);
}

/* ---- a save as its destination has it ---- */

struct saved {
	struct mount_index index;
	struct map *packs; /* digest -> struct buf */
	uint64_t new_bytes;
};

static void free_buf(void *p)
{
	buf_release(p);
	free(p);
}

static void keep_pack(struct saved *to, struct mount_save *s,
		      const struct digest *digest)
{
	struct error err = ERROR_INIT;
	AUTO(stream_free) struct stream *from = NULL;
	struct buf *bytes = calloc(1, sizeof(*bytes));

	expect_ok(mount_save_open(s, digest, &from, &err), &err);
	expect_ok(read_to_buf(from, bytes, &err), &err);
	assert_int_equal(map_put(to->packs, digest, sizeof(*digest), bytes), 0);
}

/* Save the directory `name` of the place as mount "id" over what is there. */
static void save(struct place *p, const char *name, struct saved *to)
{
	AUTO(mount_save_free) struct mount_save *s = NULL;
	AUTO(descriptor_release) struct descriptor root = { 0 };
	AUTO(buf_release) struct buf manifest = BUF_INIT, text = BUF_INIT;
	AUTO(stream_free) struct stream *index = NULL;
	AUTO(json_decref) json_t *doc = NULL;
	struct error err = ERROR_INIT;
	struct digest digest;

	expect_ok(mount_save_new(p->batch, &to->index, &s, &err), &err);
	expect_ok(mount_save_add(s, "id",
				 openat(p->scratch->fd, name,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				 &err),
		  &err);
	expect_ok(mount_save_finish(s, &root, &manifest, &err), &err);
	to->new_bytes = mount_save_new_bytes(s);
	doc = json_loads(manifest.data, 0, NULL);
	expect_ok(
		digest_parse(json_string_value(json_object_get(
				     json_object_get(doc, "config"), "digest")),
			     &digest, &err),
		&err);
	expect_ok(mount_save_open(s, &digest, &index, &err), &err);
	expect_ok(read_to_buf(index, &text, &err), &err);
	mount_index_release(&to->index);
	expect_ok(mount_index_parse(text.data, text.len, &to->index, &err),
		  &err);
	assert_int_equal(json_array_size(json_object_get(doc, "layers")),
			 to->index.n_packs);
	for (size_t i = 0; i < to->index.n_packs; i++) {
		digest = to->index.packs[i].digest;
		if (!map_get(to->packs, &digest, sizeof(digest)))
			keep_pack(to, s, &digest);
	}
}

static int get_pack(void *ctx, const struct descriptor *d, struct stream **ret,
		    struct error *err)
{
	const struct saved *s = ctx;
	const struct buf *b = map_get(s->packs, &d->digest, sizeof(d->digest));

	assert_non_null(b);
	return stream_from_memory(b->data, b->len, ret, err);
}

/* Restore into the new directory `name`; takes the index. */
static int restore(struct place *p, struct saved *from, const char *id,
		   const char *name, struct error *err)
{
	const struct mount_source packs = { get_pack, from };
	AUTO(mount_restore_free) struct mount_restore *r = NULL;

	make_dir(p->scratch->fd, name);
	expect_ok(mount_restore_new(p->batch, &from->index, &packs, &r, err),
		  err);
	return mount_restore_into(r, id,
				  openat(p->scratch->fd, name,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				  err);
}

static void saved_release(struct saved *s)
{
	mount_index_release(&s->index);
	map_free(s->packs);
}
DEFINE_RELEASE(struct saved, saved_release);

static void fill(struct place *p, const char *path, uint64_t seed, size_t len)
{
	autofree char *bytes = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + random_next(&seed) % 26);
	bytes[len] = '\0';
	make_file(p->scratch->fd, path, bytes);
}

static void what_is_saved_comes_back(void **state)
{
	struct place *p = *state;
	AUTO(saved_release) struct saved s = { .packs = map_new(free_buf) };
	AUTO(tree_free) struct tree *tree = tree_in(p->scratch->fd, "from");
	AUTO(tree_free) struct tree *back = NULL;
	autofree char *wanted = NULL, *got = NULL;
	struct error err = ERROR_INIT;
	int fd;

	put_entry(tree, ENTRY_DIR, "d", NULL);
	put_entry(tree, ENTRY_FILE, "d/f", "one");
	put_entry(tree, ENTRY_HARDLINK, "d/g", "d/f");
	put_entry(tree, ENTRY_SYMLINK, "out", "/etc/passwd");
	put_entry(tree, ENTRY_FIFO, "pipe", NULL);
	wanted = describe_tree(tree);
	save(p, "from", &s);
	assert_int_equal(restore(p, &s, "id", "back", &err), 1);
	fd = openat(p->scratch->fd, "back", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect_ok(tree_new(fd, "user.", &back, &err), &err);
	got = describe_tree(back);
	assert_string_equal(got, wanted);
	save(p, "from", &s);
	assert_int_equal(restore(p, &s, "other", "none", &err), 0);
	assert_int_equal(count_entries(p->scratch->fd, "none"), 0);
}

static void an_unchanged_mount_makes_the_same_save(void **state)
{
	struct place *p = *state;
	AUTO(saved_release) struct saved s = { .packs = map_new(free_buf) };
	struct digest pack;

	make_dir(p->scratch->fd, "from");
	fill(p, "from/a", 1, 3000000);
	save(p, "from", &s);
	assert_true(s.new_bytes > 3000000);
	assert_int_equal(s.index.n_packs, 1);
	pack = s.index.packs[0].digest;
	save(p, "from", &s);
	assert_int_equal(s.new_bytes, 0);
	assert_int_equal(s.index.n_packs, 1);
	assert_true(digest_equal(&pack, &s.index.packs[0].digest));
}

static void packs_that_are_hardly_needed_are_made_anew(void **state)
{
	struct place *p = *state;
	AUTO(saved_release) struct saved s = { .packs = map_new(free_buf) };
	struct error err = ERROR_INIT;
	struct digest pack;

	make_dir(p->scratch->fd, "from");
	fill(p, "from/a", 1, 1000000);
	fill(p, "from/b", 2, 3000000);
	save(p, "from", &s);
	pack = s.index.packs[0].digest;
	unlinkat(p->scratch->fd, "from/b", 0);
	save(p, "from", &s);
	/* Now less than half of it is needed; the next save does without. */
	assert_true(s.new_bytes < 1000000);
	assert_true(digest_equal(&pack, &s.index.packs[0].digest));
	save(p, "from", &s);
	assert_true(s.new_bytes > 500000);
	for (size_t i = 0; i < s.index.n_packs; i++)
		assert_false(digest_equal(&pack, &s.index.packs[i].digest));
	assert_int_equal(restore(p, &s, "id", "back", &err), 1);
	assert_int_equal(count_entries(p->scratch->fd, "back"), 1);
}

/* ---- what others may have put there ---- */

/* One chunk in one pack, which is not compressed: `bytes`. */
static void plant(struct saved *s, const struct buf *bytes)
{
	struct buf *pack = calloc(1, sizeof(*pack));
	struct error err = ERROR_INIT;
	struct mount_entry *e;
	struct digest digest;

	buf_append(pack, bytes->data, bytes->len);
	digest_bytes(bytes->data, bytes->len, &digest);
	assert_int_equal(map_put(s->packs, &digest, sizeof(digest), pack), 0);
	expect_ok(mount_index_add_pack(&s->index, &digest, (int64_t)bytes->len,
				       &err),
		  &err);
	expect_ok(mount_index_add_chunk(&s->index, &digest,
					(uint32_t)bytes->len, &err),
		  &err);
	expect_ok(mount_index_start(&s->index, "id", &e, &err), &err);
	expect_ok(mount_entry_append(e, 0, &err), &err);
}

static void nothing_leads_out_of_the_mount(void **state)
{
	struct place *p = *state;
	AUTO(saved_release) struct saved s = { .packs = map_new(free_buf) };
	AUTO(buf_release) struct buf tar = BUF_INIT;
	AUTO(tar_writer_free) struct tar_writer *w = NULL;
	AUTO(sink_free) struct sink *to = sink_to_buf(&tar);
	struct error err = ERROR_INIT;
	char target[sizeof(p->scratch->path) + 8];
	struct entry link = { .path = "a",
			      .type = ENTRY_SYMLINK,
			      .mode = 0777 };
	struct entry file = { .path = "a/f", .mode = 0644, .size = 1 };

	make_dir(p->scratch->fd, "canary");
	snprintf(target, sizeof(target), "%s/canary", p->scratch->path);
	link.link = target;
	expect_ok(tar_writer_new(to, NULL, &w, &err), &err);
	expect_ok(tar_writer_entry(w, &link, -1, 0, &err), &err);
	expect_ok(tar_writer_entry_data(w, &file, "x", &err), &err);
	expect_ok(tar_writer_finish(w, &err), &err);
	plant(&s, &tar);
	assert_int_equal(restore(p, &s, "id", "back", &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(count_entries(p->scratch->fd, "canary"), 0);
}

static void a_chunk_that_is_another_is_refused(void **state)
{
	struct place *p = *state;
	AUTO(saved_release) struct saved s = { .packs = map_new(free_buf) };
	AUTO(buf_release) struct buf zeros = BUF_INIT;
	struct error err = ERROR_INIT;

	memset(buf_reserve(&zeros, 1024), 0, 1024);
	buf_commit(&zeros, 1024);
	plant(&s, &zeros);
	digest_bytes("x", 1, &s.index.chunks[0].digest);
	assert_int_equal(restore(p, &s, "id", "back", &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_leaves_other_chunks_alone),
		cmocka_unit_test(equal_bytes_are_cut_at_the_largest_size),
		TEST(what_is_saved_comes_back),
		TEST(an_unchanged_mount_makes_the_same_save),
		TEST(packs_that_are_hardly_needed_are_made_anew),
		TEST(nothing_leads_out_of_the_mount),
		TEST(a_chunk_that_is_another_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
