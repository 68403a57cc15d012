#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/cache_mount.h"
#include "store/gc.h"
#include "store/names.h"
#include "store/step_cache.h"
#include "store/usage.h"
#include "tests/unit/store/sample.h"

/* The sample image, published; named unless `name` is NULL. */
static struct digest keep_image(struct place *p, const char *name)
{
	struct image *img = sample_image(p);
	struct error err = ERROR_INIT;
	struct digest id = img->id;
	const char *tree;

	/* All forms: trees as well as tars and blobs. */
	expect_ok(layer_tree(img->layers[0], &tree, &err), &err);
	if (name)
		expect_ok(name_set(p->batch, name, &id, NULL, &err), &err);
	image_free(img);
	place_restart(p);
	return id;
}

static struct gc_report collect(struct place *p,
				const struct gc_options *options)
{
	struct gc_report report = { 0 };
	struct error err = ERROR_INIT;

	/* What a batch uses would stay. */
	batch_free(p->batch);
	p->batch = NULL;
	expect_ok(gc_run(p->store, options, NULL, &report, &err), &err);
	expect_ok(batch_new(p->store, &p->batch, &err), &err);
	return report;
}

static unsigned objects(struct place *p)
{
	int fd = p->scratch->fd;

	return count_entries(fd, "blobs/sha256") +
	       count_entries(fd, "layers/sha256") +
	       count_entries(fd, "snapshots");
}

static void what_a_name_leads_to_stays(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = NULL;
	const struct gc_options options = { .drop_steps = true };
	struct digest id = keep_image(p, "a");
	unsigned before = objects(p);
	struct error err = ERROR_INIT;
	struct gc_report report = collect(p, &options);

	assert_int_equal(report.n_removed, 0);
	assert_int_equal(objects(p), before);
	expect_ok(image_open(p->batch, &id, &img, &err), &err);
	image_free(img);
	img = NULL;
}

static void what_nothing_leads_to_goes(void **state)
{
	struct place *p = *state;
	const struct gc_options options = { 0 };
	struct error err = ERROR_INIT;
	struct gc_report report;

	keep_image(p, "a");
	assert_true(objects(p) > 0);
	expect_ok(name_remove(p->store, "a", &err), &err);
	report = collect(p, &options);
	assert_int_equal(objects(p), 0);
	assert_true(report.n_removed >= 4);
	assert_true(report.freed_bytes > 0);
	/* The batch's own folder is all there is. */
	assert_int_equal(count_entries(p->scratch->fd, "tmp"), 1);
}

static void layers_shared_with_a_named_image_stay(void **state)
{
	static const struct sample_file file = { "f", "contents" };
	struct place *p = *state;
	const struct gc_options options = { 0 };
	struct error err = ERROR_INIT;
	struct digest id = keep_image(p, "a");
	AUTO(image_free) struct image *img = NULL;
	AUTO(layer_unref) struct layer *more = NULL;

	expect_ok(image_open(p->batch, &id, &img, &err), &err);
	more = sample_layer(p, &file, 1);
	expect_ok(image_add_layer(img, more, &err), &err);
	expect_ok(image_save(p->batch, img, NULL, &err), &err);
	expect_ok(name_set(p->batch, "b", &img->id, NULL, &err), &err);
	layer_unref(more);
	image_free(img);
	img = NULL;
	more = NULL;
	place_restart(p);
	assert_int_equal(count_entries(p->scratch->fd, "layers/sha256"), 3);
	expect_ok(name_remove(p->store, "b", &err), &err);
	collect(p, &options);
	assert_int_equal(count_entries(p->scratch->fd, "layers/sha256"), 2);
	expect_ok(image_open(p->batch, &id, &img, &err), &err);
	image_free(img);
	img = NULL;
}

static void remembered_steps_keep_their_layers_until_dropped(void **state)
{
	static const struct sample_file file = { "f", "contents" };
	struct place *p = *state;
	struct gc_options options = { 0 };
	struct step_record record = { .layer = sample_layer(p, &file, 1) };
	struct error err = ERROR_INIT;
	struct gc_report report;
	struct digest key;

	digest_bytes("key", 3, &key);
	expect_ok(step_cache_put(p->batch, &key, &record, &err), &err);
	layer_unref(record.layer);
	place_restart(p);
	collect(p, &options);
	assert_int_equal(objects(p), 1);
	options.drop_steps = true;
	options.unused_for = 3600;
	collect(p, &options);
	assert_int_equal(objects(p), 1);
	options.unused_for = 0;
	report = collect(p, &options);
	assert_int_equal(report.n_steps, 1);
	assert_int_equal(objects(p), 0);
}

/* Remember a layer of about 100 kB, used at `when`. */
static void remember(struct place *p, const char *name, time_t when)
{
	static char contents[100000];
	const struct sample_file file = { name, contents };
	const struct timespec times[2] = { { when, 0 }, { when, 0 } };
	struct step_record record = { 0 };
	struct error err = ERROR_INIT;
	struct digest key;
	char path[128];

	memset(contents, name[0], sizeof(contents) - 1);
	record.layer = sample_layer(p, &file, 1);
	digest_bytes(name, strlen(name), &key);
	expect_ok(step_cache_put(p->batch, &key, &record, &err), &err);
	layer_unref(record.layer);
	place_restart(p);
	snprintf(path, sizeof(path), "cache/%s", digest_hex(&key));
	assert_int_equal(utimensat(p->scratch->fd, path, times, 0), 0);
}

static bool is_remembered(struct place *p, const char *name)
{
	AUTO(step_record_release) struct step_record record = { 0 };
	struct error err = ERROR_INIT;
	struct digest key;

	digest_bytes(name, strlen(name), &key);
	return step_cache_get(p->batch, &key, &record, &err) == 1;
}

static void a_limit_forgets_what_was_used_longest_ago(void **state)
{
	struct place *p = *state;
	struct gc_options options = { .max_bytes = 300000 };

	remember(p, "b", 2000);
	remember(p, "c", 3000);
	remember(p, "a", 1000);
	remember(p, "d", 4000);
	collect(p, &options);
	assert_false(is_remembered(p, "a"));
	assert_false(is_remembered(p, "b"));
	assert_true(is_remembered(p, "c"));
	assert_true(is_remembered(p, "d"));
	assert_int_equal(count_entries(p->scratch->fd, "layers/sha256"), 2);
	options.max_bytes = 1;
	collect(p, &options);
	assert_int_equal(objects(p), 0);
}

static void a_limit_does_not_touch_named_images(void **state)
{
	struct place *p = *state;
	const struct gc_options options = { .max_bytes = 1 };
	unsigned before;

	keep_image(p, "a");
	before = objects(p);
	remember(p, "b", 2000);
	collect(p, &options);
	assert_int_equal(objects(p), before);
}

static void usage_is_told_by_kind(void **state)
{
	struct place *p = *state;
	struct usage u = { 0 };
	struct error err = ERROR_INIT;

	keep_image(p, "a");
	remember(p, "b", 2000);
	expect_ok(store_usage(p->store, &u, &err), &err);
	assert_int_equal(u.n_names, 1);
	assert_int_equal(u.packed.n, 3);
	assert_int_equal(u.trees.n, 1);
	assert_int_equal(u.steps.n, 1);
	assert_true(u.packed.free_bytes >= 100000);
	assert_true(u.packed.free_bytes < u.packed.bytes);
	assert_int_equal(u.trees.free_bytes, 0);
	assert_true(usage_total(&u) > u.packed.bytes);
}

static void what_a_living_batch_uses_stays(void **state)
{
	static const struct sample_file file = { "f", "contents" };
	struct place *p = *state;
	const struct gc_options options = { .drop_steps = true };
	struct digest id = keep_image(p, "a");
	AUTO(image_free) struct image *img = NULL;
	AUTO(layer_unref) struct layer *made = NULL;
	struct error err = ERROR_INIT;
	unsigned before;

	/* One thing it found, and one it made and published. */
	expect_ok(image_open(p->batch, &id, &img, &err), &err);
	made = sample_layer(p, &file, 1);
	place_publish(p);
	expect_ok(name_remove(p->store, "a", &err), &err);
	before = objects(p);
	expect_ok(gc_run(p->store, &options, NULL, NULL, &err), &err);
	assert_int_equal(objects(p), before);
	layer_unref(steal_pointer(&made));
	image_free(steal_pointer(&img));
	collect(p, &options);
	assert_int_equal(objects(p), 0);
}

/* A child that opens the mount over and over, until it is killed. */
static void a_mount_is_not_taken_from_under_its_user(void **state)
{
	struct place *p = *state;
	const struct gc_options options = { .drop_mounts = true };
	struct error err = ERROR_INIT;
	int status, alive = 1;
	pid_t child = fork();

	for (int i = 0; child == 0 && i < 300; i++) {
		struct cache_mount *m = NULL;

		if (cache_mount_open(p->store, "id", CACHE_LOCKED, 0755,
				     (uid_t)-1, (gid_t)-1, NULL, &m,
				     &err) < 0 ||
		    cache_mount_ready(m, &err) < 0 ||
		    access(cache_mount_path(m), F_OK) < 0)
			_exit(1);
		cache_mount_free(m);
	}
	if (child == 0)
		_exit(0);
	assert_true(child > 0);
	while (alive) {
		expect_ok(gc_run(p->store, &options, NULL, NULL, &err), &err);
		alive = waitpid(child, &status, WNOHANG) == 0;
	}
	assert_int_equal(status, 0);
}

static void cache_mounts_in_use_stay(void **state)
{
	struct place *p = *state;
	const struct gc_options options = { .drop_mounts = true };
	struct cache_mount *used = NULL, *idle = NULL;
	struct error err = ERROR_INIT;

	expect_ok(cache_mount_open(p->store, "used", CACHE_SHARED, 0755,
				   (uid_t)-1, (gid_t)-1, NULL, &used, &err),
		  &err);
	expect_ok(cache_mount_open(p->store, "idle", CACHE_SHARED, 0755,
				   (uid_t)-1, (gid_t)-1, NULL, &idle, &err),
		  &err);
	cache_mount_free(idle);
	collect(p, &options);
	assert_int_equal(count_entries(p->scratch->fd, "mounts"), 1);
	assert_int_equal(access(cache_mount_path(used), F_OK), 0);
	cache_mount_free(used);
	collect(p, &options);
	assert_int_equal(count_entries(p->scratch->fd, "mounts"), 0);
}

static void damaged_records_are_no_obstacle(void **state)
{
	struct place *p = *state;
	const struct gc_options options = { 0 };
	struct digest id = keep_image(p, "a");
	AUTO(image_free) struct image *img = NULL;
	struct error err = ERROR_INIT;

	make_file(p->scratch->fd, "cache/bad", "{");
	make_file(p->scratch->fd, "cache/worse",
		  "{\"layer\":\"snapshot:../../etc\"}");
	make_file(p->scratch->fd, "names/bad", "\x01");
	make_dir(p->scratch->fd, "layers/sha256/rubbish");
	collect(p, &options);
	assert_int_equal(count_entries(p->scratch->fd, "layers/sha256"), 2);
	expect_ok(image_open(p->batch, &id, &img, &err), &err);
	image_free(img);
	img = NULL;
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_name_leads_to_stays),
		TEST(what_nothing_leads_to_goes),
		TEST(layers_shared_with_a_named_image_stay),
		TEST(remembered_steps_keep_their_layers_until_dropped),
		TEST(a_limit_forgets_what_was_used_longest_ago),
		TEST(a_limit_does_not_touch_named_images),
		TEST(usage_is_told_by_kind),
		TEST(what_a_living_batch_uses_stays),
		TEST(a_mount_is_not_taken_from_under_its_user),
		TEST(cache_mounts_in_use_stay),
		TEST(damaged_records_are_no_obstacle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
