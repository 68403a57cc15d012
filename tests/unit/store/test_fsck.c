#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/fsck.h"
#include "store/names.h"
#include "store/step_cache.h"
#include "tests/unit/store/sample.h"

static void keep(void *ctx, const char *line)
{
	buf_printf(ctx, "%s\n", line);
}

/* Check; the faults told go to `lines` (may be NULL). */
static uint64_t check(struct place *p, bool repair, struct buf *lines)
{
	struct fsck_options options = { .repair = repair };
	struct fsck_report report = { 0 };
	struct error err = ERROR_INIT;

	if (lines) {
		options.found = keep;
		options.ctx = lines;
	}
	expect_ok(fsck_run(p->batch, &options, NULL, &report, &err), &err);
	assert_true(report.n_checked > 0);
	return report.n_faults;
}

/* A named image with trees, tars and blobs, and a remembered step. */
static void fill(struct place *p)
{
	struct image *img = sample_image(p);
	struct layer_format format = {
		.compression = { COMPRESSION_ZSTD, COMPRESSION_LEVEL_DEFAULT },
	};
	AUTO(descriptor_release) struct descriptor d = { 0 };
	struct step_record record = { .layer = img->layers[1] };
	struct error err = ERROR_INIT;
	struct digest key;
	const char *tree;

	digest_bytes("key", 3, &key);
	expect_ok(layer_tree(img->layers[0], &tree, &err), &err);
	expect_ok(image_manifest(p->batch, img, &format, true, NULL, &d, &err),
		  &err);
	expect_ok(step_cache_put(p->batch, &key, &record, &err), &err);
	expect_ok(name_set(p->batch, "a", &img->id, NULL, &err), &err);
	image_free(img);
	place_restart(p);
}

/* The name of the first entry of `folder`, with `below` behind it. */
static char *first_in(struct place *p, const char *folder, const char *below)
{
	autodir DIR *dir = NULL;
	struct dirent *e;
	char *path = NULL;
	int fd = openat(p->scratch->fd, folder, O_RDONLY | O_DIRECTORY);

	dir = fdopendir(fd);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			break;
	assert_non_null(e);
	assert_true(asprintf(&path, "%s/%s%s", folder, e->d_name, below) > 0);
	return path;
}

static void overwrite(struct place *p, const char *path)
{
	autoclose int fd = openat(p->scratch->fd, path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "#", 1, 0), 1);
}

static void a_sound_store_has_no_faults(void **state)
{
	struct place *p = *state;

	fill(p);
	assert_int_equal(check(p, true, NULL), 0);
}

/* Damage `path`, repair, and find nothing more. */
static void expect_repair(struct place *p, const char *path)
{
	AUTO(buf_release) struct buf lines = BUF_INIT;

	overwrite(p, path);
	assert_true(check(p, false, NULL) > 0);
	assert_int_equal(faccessat(p->scratch->fd, path, F_OK, 0), 0);
	assert_true(check(p, true, &lines) > 0);
	assert_non_null(strstr(lines.data, path));
	assert_int_equal(faccessat(p->scratch->fd, path, F_OK, 0), -1);
	assert_int_equal(check(p, true, NULL), 0);
}

static void a_damaged_blob_is_dropped_with_what_needs_it(void **state)
{
	struct place *p = *state;
	autofree char *path = NULL;

	fill(p);
	path = first_in(p, "blobs/sha256", "");
	expect_repair(p, path);
}

static void a_damaged_tar_is_dropped(void **state)
{
	struct place *p = *state;
	autofree char *path = NULL;

	fill(p);
	path = first_in(p, "layers/sha256", "/tar");
	expect_repair(p, path);
}

static void a_damaged_step_is_dropped(void **state)
{
	struct place *p = *state;
	autofree char *path = NULL;

	fill(p);
	path = first_in(p, "cache", "");
	expect_repair(p, path);
}

static void a_damaged_name_is_dropped(void **state)
{
	struct place *p = *state;

	fill(p);
	expect_repair(p, "names/a");
}

static void a_tree_that_changed_is_dropped(void **state)
{
	struct place *p = *state;
	AUTO(buf_release) struct buf lines = BUF_INIT;
	autofree char *path = NULL, *record = NULL;

	fill(p);
	path = first_in(p, "snapshots", "");
	assert_true(asprintf(&record, "%s/fs", path) > 0);
	assert_int_equal(renameat(p->scratch->fd, record, p->scratch->fd,
				  "tmp/elsewhere"),
			 0);
	assert_true(check(p, true, &lines) > 0);
	assert_non_null(strstr(lines.data, "it has no tree"));
	assert_int_equal(check(p, true, NULL), 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_store_has_no_faults),
		TEST(a_damaged_blob_is_dropped_with_what_needs_it),
		TEST(a_damaged_tar_is_dropped),
		TEST(a_damaged_step_is_dropped),
		TEST(a_damaged_name_is_dropped),
		TEST(a_tree_that_changed_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
