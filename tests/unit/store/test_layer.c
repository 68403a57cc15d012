#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/blob.h"
#include "tests/unit/store/layers.h"

static const char text[] = "d dir\n"
			   "f dir/file hello\n"
			   "h dir/twin dir/file\n"
			   "w gone\n"
			   "l link dir/file\n";
static const char described[] = "d 755 0:0 dir\n"
				"f 644 0:0 dir/file = hello\n"
				"f 644 0:0 dir/twin = hello\n"
				"w 0 0:0 gone\n"
				"l 777 0:0 link -> dir/file\n";

static const struct layer_format as_gzip = {
	.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT },
};
static const struct layer_format as_zstd = {
	.compression = { COMPRESSION_ZSTD, COMPRESSION_LEVEL_DEFAULT },
	.docker = true,
};

/* The digest of everything a layer streams. */
static struct digest stream_digest(struct layer *l)
{
	AUTO(stream_free) struct stream *s = NULL;
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	struct error err = ERROR_INIT;
	struct digest d;

	expect_ok(layer_stream(l, &s, &err), &err);
	expect_ok(read_to_buf(s, &bytes, &err), &err);
	digest_bytes(bytes.data, bytes.len, &d);
	return d;
}

static struct digest diff_id_of(struct layer *l)
{
	struct error err = ERROR_INIT;
	struct digest d;

	expect_ok(layer_diff_id(l, &d, &err), &err);
	return d;
}

static struct layer *by_id(struct place *p, const char *id)
{
	struct error err = ERROR_INIT;
	struct layer *l = NULL;

	expect_ok(layer_by_id(p->batch, id, &l, &err), &err);
	return l;
}

static char *id_of(struct layer *l)
{
	struct error err = ERROR_INIT;
	char *id = layer_id(l, &err);

	assert_non_null(id);
	return id;
}

/* A layer whose only form is a tree, as a step leaves it. */
static struct layer *layer_of_step(struct place *p)
{
	AUTO(view_free) struct view *nothing = NULL;
	AUTO(tree_free) struct tree *upper = upper_in_batch(p, "upper");
	struct error err = ERROR_INIT;
	struct layer *l = NULL;
	bool empty;

	put_entry(upper, ENTRY_DIR, "dir", NULL);
	put_entry(upper, ENTRY_FILE, "dir/file", "hello");
	put_entry(upper, ENTRY_HARDLINK, "dir/twin", "dir/file");
	put_entry(upper, ENTRY_SYMLINK, "link", "dir/file");
	expect_ok(tree_finish(upper, &err), &err);
	expect_ok(view_new(NULL, 0, &nothing, &err), &err);
	expect_ok(
		layer_from_upper(p->batch, "upper", nothing, &l, &empty, &err),
		&err);
	assert_false(empty);
	return l;
}

static void a_tar_becomes_a_tree(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = layer_of_text(p, text, 5);
	autofree char *found = describe_layer(p, l);
	struct digest diff_id = diff_id_of(l), streamed = stream_digest(l);

	assert_string_equal(found, described);
	assert_string_equal(diff_id.text, streamed.text);
}

static void layers_survive_publication_and_restart(void **state)
{
	struct place *p = *state;
	autofree char *step_id = NULL, *tar_id = NULL, *found = NULL;
	struct layer *step = layer_of_step(p), *tar = layer_of_text(p, text, 5);
	struct digest before = diff_id_of(step), after;

	tar_id = id_of(tar);
	step_id = id_of(step);
	layer_unref(step);
	layer_unref(tar);
	place_restart(p);

	step = by_id(p, step_id);
	after = stream_digest(step);
	assert_string_equal(before.text, after.text);
	layer_unref(step);
	tar = by_id(p, tar_id);
	found = describe_layer(p, tar);
	assert_string_equal(found, described);
	layer_unref(tar);
}

static void a_step_without_a_digest_is_found_by_its_snapshot(void **state)
{
	struct place *p = *state;
	struct layer *l = layer_of_step(p);
	autofree char *id = id_of(l);
	struct digest first, second;

	assert_true(!strncmp(id, "snapshot:", 9));
	layer_unref(l);
	l = by_id(p, id); /* not published yet */
	layer_unref(l);
	place_restart(p);
	l = by_id(p, id);
	first = diff_id_of(l);
	layer_unref(l);
	place_restart(p);
	l = by_id(p, id);
	second = diff_id_of(l);
	assert_string_equal(first.text, second.text);
	layer_unref(l);
}

/* The record that leads to a layer comes after the one it leads to. */
static void a_digest_is_told_by_the_layer_before_the_snapshot(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = layer_of_step(p);
	autofree char *id = id_of(l), *in_the_way = NULL, *told = NULL;
	struct error err = ERROR_INIT;
	struct digest diff_id;

	place_publish(p);
	diff_id = diff_id_of(l);
	assert_true(asprintf(&in_the_way, "layers/sha256/%s",
			     digest_hex(&diff_id)) > 0);
	assert_true(asprintf(&told, "snapshots/%s/diffid",
			     id + strlen("snapshot:")) > 0);
	make_file(p->scratch->fd, in_the_way, "");
	assert_int_equal(batch_publish(p->batch, &err), -1);
	assert_int_equal(faccessat(p->scratch->fd, told, F_OK, 0), -1);
	unlinkat(p->scratch->fd, in_the_way, 0);
	place_publish(p);
	assert_int_equal(faccessat(p->scratch->fd, told, F_OK, 0), 0);
}

static void what_has_gone_is_not_found(void **state)
{
	static const char *const ids[] = {
		"snapshot:none",
		"sha256:ba7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad",
	};
	struct place *p = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(ids); i++) {
		struct error err = ERROR_INIT;
		struct layer *l;

		assert_int_equal(layer_by_id(p->batch, ids[i], &l, &err), -1);
		assert_int_equal(err.kind, ERROR_NOT_FOUND);
	}
}

static void ids_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const ids[] = { "snapshot:", "snapshot:../x",
					   "snapshot:/etc", "sha256:..", "" };
	struct place *p = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(ids); i++) {
		struct error err = ERROR_INIT;
		struct layer *l;

		assert_int_equal(layer_by_id(p->batch, ids[i], &l, &err), -1);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
	}
}

static struct descriptor blob_of(struct layer *l,
				 const struct layer_format *format,
				 struct digest *diff_id)
{
	struct descriptor d = { 0 };
	struct error err = ERROR_INIT;

	expect_ok(layer_blob(l, format, true, &d, diff_id, &err), &err);
	return d;
}

static void blobs_are_made_once_and_the_same_everywhere(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = layer_of_step(p);
	AUTO(descriptor_release) struct descriptor a = { 0 };
	AUTO(descriptor_release) struct descriptor b = { 0 };
	AUTO(descriptor_release) struct descriptor c = { 0 };
	struct digest of_gzip, of_zstd, diff_id;

	a = blob_of(l, &as_gzip, &of_gzip);
	b = blob_of(l, &as_zstd, &of_zstd);
	c = blob_of(l, &as_gzip, &of_zstd);
	diff_id = diff_id_of(l);
	assert_string_equal(of_gzip.text, diff_id.text);
	assert_string_equal(of_zstd.text, diff_id.text);
	assert_string_equal(a.digest.text, c.digest.text);
	assert_string_not_equal(a.digest.text, b.digest.text);
	assert_string_equal(a.media_type, "application/vnd.oci.image.layer.v1"
					  ".tar+gzip");
	assert_non_null(strstr(b.media_type, "zstd"));
}

/* Load what one store made into another. */
static void a_blob_becomes_a_layer_again(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = layer_of_text(p, text, 5);
	AUTO(layer_unref) struct layer *loaded = NULL;
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(descriptor_release) struct descriptor d = { 0 };
	struct place *other = NULL;
	struct error err = ERROR_INIT;
	struct digest diff_id, wrong;
	autofree char *found = NULL;

	assert_int_equal(place_setup((void **)&other), 0);
	d = blob_of(l, &as_zstd, &diff_id);
	expect_ok(
		blob_read(p->store, p->batch, &d.digest, 1 << 20, &bytes, &err),
		&err);
	expect_ok(blob_put(other->batch, bytes.data, bytes.len, NULL, &err),
		  &err);
	digest_bytes("", 0, &wrong);
	assert_int_equal(
		layer_from_blob(other->batch, &d, &wrong, &loaded, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	expect_ok(layer_from_blob(other->batch, &d, &diff_id, &loaded, &err),
		  &err);
	found = describe_layer(other, loaded);
	assert_string_equal(found, described);
	layer_unref(steal_pointer(&loaded));
	place_teardown((void **)&other);
}

static void clamped_blobs_have_a_diff_id_of_their_own(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *late = layer_of_text(p, text, 5000);
	AUTO(layer_unref) struct layer *early = layer_of_text(p, text, 100);
	AUTO(layer_unref) struct layer *step = layer_of_step(p);
	AUTO(descriptor_release) struct descriptor d = { 0 };
	const int64_t clamp = 100;
	struct layer_format format = as_gzip;
	struct digest found, expected = diff_id_of(early);
	struct digest before = diff_id_of(step);

	format.clamp = &clamp;
	d = blob_of(late, &format, &found);
	assert_string_equal(found.text, expected.text);
	descriptor_release(&d);
	d = blob_of(step, &format, &found);
	/* put_entry() leaves times at zero: nothing to rewrite. */
	assert_string_equal(found.text, before.text);
}

static void the_empty_layer_is_known(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = NULL;
	AUTO(layer_unref) struct layer *again = NULL;
	struct error err = ERROR_INIT;
	autofree char *found = NULL;
	struct digest d;

	expect_ok(layer_empty(p->batch, &l, &err), &err);
	expect_ok(layer_empty(p->batch, &again, &err), &err);
	assert_ptr_equal(l, again);
	assert_true(layer_is_empty(l));
	found = describe_layer(p, l);
	assert_string_equal(found, "");
	d = stream_digest(l);
	assert_string_equal(d.text, diff_id_of(l).text);
}

static void a_damaged_snapshot_is_named(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = layer_of_step(p);
	AUTO(descriptor_release) struct descriptor d = { 0 };
	struct error err = ERROR_INIT;
	struct digest diff_id = diff_id_of(l);
	char message[2048], path[4096];
	const char *tree;

	place_publish(p);
	expect_ok(layer_tree(l, &tree, &err), &err);
	snprintf(path, sizeof(path), "%.3000s/dir/file", tree);
	make_file(AT_FDCWD, path, "HELLO");
	assert_int_equal(layer_blob(l, &as_gzip, true, &d, &diff_id, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	error_message(&err, message, sizeof(message));
	assert_non_null(strstr(message, "snapshot"));
}

/* Write "crc64" in a layer's record again, as `checksum`; NULL: leave it out.
 */
static void record_checksum(struct place *p, const struct digest *diff_id,
			    const char *checksum)
{
	AUTO(buf_release) struct buf record = BUF_INIT;
	autofree char *found = NULL;
	char path[200];
	char *at;

	snprintf(path, sizeof(path), "layers/sha256/%s/tree",
		 digest_hex(diff_id));
	found = read_text(p->scratch->fd, path);
	at = strstr(found, ",\"crc64\"");
	assert_non_null(at);
	buf_append(&record, found, (size_t)(at - found));
	if (checksum)
		buf_printf(&record, ",\"crc64\":\"%s\"", checksum);
	buf_append_str(&record, "}");
	assert_int_equal(unlinkat(p->scratch->fd, path, 0), 0);
	make_file(p->scratch->fd, path, record.data);
}

/* Once its diffID is known, a snapshot is packed and judged by a checksum. */
static int pack_with_checksum(struct place *p, const char *id, int level,
			      struct digest *diff_id, struct error *err)
{
	struct layer_format format = as_gzip;
	AUTO(layer_unref) struct layer *l = NULL;
	AUTO(descriptor_release) struct descriptor d = { 0 };

	place_restart(p);
	l = by_id(p, id);
	format.compression.level = level; /* no blob of it yet */
	return layer_blob(l, &format, true, &d, diff_id, err);
}

static void a_snapshot_is_judged_by_its_checksum_if_there_is_one(void **state)
{
	struct place *p = *state;
	struct layer *l = layer_of_step(p);
	struct digest diff_id = diff_id_of(l), found;
	autofree char *id = id_of(l);
	struct error err = ERROR_INIT;

	place_publish(p);
	layer_unref(l);
	expect_ok(pack_with_checksum(p, id, 1, &found, &err), &err);
	assert_string_equal(found.text, diff_id.text);
	record_checksum(p, &diff_id, "0123456789abcdef");
	assert_int_equal(pack_with_checksum(p, id, 2, &found, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	error_clear(&err);
	record_checksum(p, &diff_id, "0123456789abcdeg");
	expect_ok(pack_with_checksum(p, id, 3, &found, &err), &err);
	assert_string_equal(found.text, diff_id.text);
	record_checksum(p, &diff_id, NULL);
	expect_ok(pack_with_checksum(p, id, 4, &found, &err), &err);
	assert_string_equal(found.text, diff_id.text);
}

/* Looks for a tree at all times, as somebody with and without the batch. */
struct seeker {
	struct layer *layer;
	const char *path;
	char *pending;
	atomic_bool stop, missed;
};

static void *seek_tree(void *arg)
{
	struct seeker *s = arg;

	while (!atomic_load(&s->stop)) {
		struct error err = ERROR_INIT;
		autoclose int inside = layer_open_tree(s->layer, O_PATH, &err);
		autoclose int outside = open(s->pending, O_PATH | O_CLOEXEC);

		if (outside < 0)
			outside = open(s->path, O_PATH | O_CLOEXEC);
		if (inside < 0 || outside < 0)
			atomic_store(&s->missed, true);
	}
	return NULL;
}

static void a_tree_is_found_while_it_is_being_published(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;

	for (int i = 0; i < 60; i++) {
		struct seeker s = { .layer = layer_of_step(p) };
		pthread_t thread;

		expect_ok(layer_tree(s.layer, &s.path, &err), &err);
		s.pending = layer_pending_tree(s.layer);
		assert_non_null(s.pending);
		assert_int_equal(access(s.pending, F_OK), 0);
		assert_int_equal(access(s.path, F_OK), -1);
		atomic_init(&s.stop, false);
		atomic_init(&s.missed, false);
		assert_int_equal(pthread_create(&thread, NULL, seek_tree, &s),
				 0);
		place_publish(p);
		atomic_store(&s.stop, true);
		pthread_join(thread, NULL);
		assert_false(atomic_load(&s.missed));
		assert_null(layer_pending_tree(s.layer));
		free(s.pending);
		layer_unref(s.layer);
	}
}

/* A registry of one blob that may be damaged a few times first. */
struct origin {
	struct buf blob;
	int damaged;
	int fetched;
};

static int fetch(void *ctx, const char *from, const struct descriptor *desc,
		 struct stream **ret, struct error *err)
{
	struct origin *o = ctx;
	size_t len = o->blob.len;

	(void)desc;
	assert_string_equal(from, "example.org/app");
	o->fetched++;
	if (o->damaged-- > 0)
		len -= 10;
	return stream_from_memory(o->blob.data, len, ret, err);
}

/* Tell the store of a remote layer of `text`. */
static struct layer *remote_layer(struct place *p, struct origin *o,
				  struct store_fetcher *f)
{
	AUTO(layer_unref) struct layer *l = NULL;
	AUTO(descriptor_release) struct descriptor d = { 0 };
	struct place *other = NULL;
	struct error err = ERROR_INIT;
	struct layer *ret = NULL;
	struct digest diff_id;

	assert_int_equal(place_setup((void **)&other), 0);
	l = layer_of_text(other, text, 5);
	d = blob_of(l, &as_gzip, &diff_id);
	expect_ok(blob_read(other->store, other->batch, &d.digest, 1 << 20,
			    &o->blob, &err),
		  &err);
	layer_unref(steal_pointer(&l));
	place_teardown((void **)&other);

	*f = (struct store_fetcher){ fetch, o };
	store_set_fetcher(p->store, f);
	expect_ok(layer_by_remote(p->batch, &diff_id, &d, "example.org/app",
				  &ret, &err),
		  &err);
	return ret;
}

static void remote_layers_come_when_they_are_looked_into(void **state)
{
	struct place *p = *state;
	struct origin o = { 0 };
	struct store_fetcher f;
	AUTO(layer_unref) struct layer *l = remote_layer(p, &o, &f);
	AUTO(descriptor_release) struct descriptor d = { 0 };
	struct error err = ERROR_INIT;
	struct digest diff_id;
	autofree char *found = NULL;

	/* Where it is suffices for an image that is pushed. */
	expect_ok(layer_blob(l, &as_gzip, false, &d, &diff_id, &err), &err);
	assert_int_equal(o.fetched, 0);
	found = describe_layer(p, l);
	assert_string_equal(found, described);
	assert_int_equal(o.fetched, 1);
	free(describe_layer(p, l));
	assert_int_equal(o.fetched, 1);
	buf_release(&o.blob);
}

static void a_damaged_transfer_is_tried_once_more(void **state)
{
	struct place *p = *state;
	struct origin o = { .damaged = 1 };
	struct store_fetcher f;
	AUTO(layer_unref) struct layer *l = remote_layer(p, &o, &f);
	autofree char *found = describe_layer(p, l);

	assert_string_equal(found, described);
	assert_int_equal(o.fetched, 2);
	buf_release(&o.blob);
}

static void damage_that_stays_fails_and_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct origin o = { .damaged = 99 };
	struct store_fetcher f;
	AUTO(layer_unref) struct layer *l = remote_layer(p, &o, &f);
	struct error err = ERROR_INIT;
	const char *path;

	assert_int_equal(layer_tree(l, &path, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	o.damaged = 0;
	expect_ok(layer_tree(l, &path, &err), &err);
	buf_release(&o.blob);
}

static void the_same_layer_is_one_handle(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *a = layer_of_text(p, text, 5);
	AUTO(layer_unref) struct layer *b = layer_of_text(p, text, 5);
	AUTO(layer_unref) struct layer *c = NULL;
	struct error err = ERROR_INIT;
	struct digest diff_id = diff_id_of(a);

	expect_ok(layer_by_diff_id(p->batch, &diff_id, &c, &err), &err);
	assert_ptr_equal(a, b);
	assert_ptr_equal(a, c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tar_becomes_a_tree),
		TEST(layers_survive_publication_and_restart),
		TEST(a_step_without_a_digest_is_found_by_its_snapshot),
		TEST(a_digest_is_told_by_the_layer_before_the_snapshot),
		TEST(what_has_gone_is_not_found),
		TEST(ids_that_lead_elsewhere_are_refused),
		TEST(blobs_are_made_once_and_the_same_everywhere),
		TEST(a_blob_becomes_a_layer_again),
		TEST(clamped_blobs_have_a_diff_id_of_their_own),
		TEST(the_empty_layer_is_known),
		TEST(a_damaged_snapshot_is_named),
		TEST(a_snapshot_is_judged_by_its_checksum_if_there_is_one),
		TEST(a_tree_is_found_while_it_is_being_published),
		TEST(remote_layers_come_when_they_are_looked_into),
		TEST(a_damaged_transfer_is_tried_once_more),
		TEST(damage_that_stays_fails_and_leaves_nothing),
		TEST(the_same_layer_is_one_handle),
	};

	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("layer", tests, NULL, NULL);
}
