/* Images out of one store and into another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/export.h"
#include "tests/unit/store/bytes.h"
#include "tests/unit/store/sample.h"

static const struct layer_format gzip_format = {
	.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT },
};

static const char *const two_names[] = { "docker.io/library/app:v1",
					 "localhost:5000/a/app", NULL };

/* A file in the scratch folder to export to or import from. */
static int open_archive(struct place *p, int flags)
{
	int fd = openat(p->scratch->fd, "tmp/archive", flags | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void export_sample(struct place *p, bool docker,
			  const struct export_target *to)
{
	AUTO(image_free) struct image *img = sample_image(p);
	struct export_image item = { .image = img, .names = two_names };
	struct error err = ERROR_INIT;

	expect_ok(export_oci(p->batch, &item, 1, &gzip_format, docker, NULL, to,
			     NULL, &err),
		  &err);
}

static void export_archive(struct place *p, bool docker)
{
	autoclose int fd = open_archive(p, O_WRONLY | O_CREAT | O_TRUNC);
	struct export_target to = { .fd = fd };

	export_sample(p, docker, &to);
}

/* A second store inside the first one's tmp/, to import into. */
static struct place other_place(struct place *p)
{
	struct place other = { .scratch = p->scratch };
	struct error err = ERROR_INIT;
	autofree char *path = NULL;

	assert_true(asprintf(&path, "%s/tmp/other-%u", p->scratch->path,
			     count_entries(p->scratch->fd, "tmp")) > 0);
	expect_ok(store_open(path, &other.store, &err), &err);
	expect_ok(batch_new(other.store, &other.batch, &err), &err);
	return other;
}

static void close_other(struct place *other)
{
	batch_free(other->batch);
	store_close(other->store);
}

static int import(struct place *into, int fd, struct strv *names,
		  struct error *err)
{
	return import_archive(into->batch, fd, NULL, names, err);
}

static void assert_round_trip(struct place *p, const char *first,
			      const char *second)
{
	struct place other = other_place(p);
	AUTO(strv_release) struct strv names = STRV_INIT;
	autoclose int fd = open_archive(p, O_RDONLY);
	struct image *sample = sample_image(p), *back = NULL;
	struct error err = ERROR_INIT;

	expect_ok(import(&other, fd, &names, &err), &err);
	assert_int_equal(names.len, second ? 2 : 1);
	assert_int_equal(strncmp(names.items[0], first, strlen(first)), 0);
	assert_string_equal(names.items[0] + strlen(first) + 1,
			    sample->id.text);
	if (second)
		assert_int_equal(
			strncmp(names.items[1], second, strlen(second)), 0);
	expect_ok(image_open(other.batch, &sample->id, &back, &err), &err);
	assert_int_equal(back->n_layers, 2);
	image_free(back);
	image_free(sample);
	close_other(&other);
}

static void oci_archives_come_back_as_they_were(void **state)
{
	struct place *p = *state;

	export_archive(p, false);
	assert_round_trip(p, "docker.io/library/app:v1",
			  "localhost:5000/a/app");
}

static void docker_archives_come_back_as_they_were(void **state)
{
	struct place *p = *state;

	export_archive(p, true);
	assert_round_trip(p, "docker.io/library/app:v1",
			  "localhost:5000/a/app");
}

static char *read_archive(struct place *p, size_t *len)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	expect_ok(io_read_file(p->scratch->fd, "tmp/archive", 1 << 20, &text,
			       &err),
		  &err);
	*len = text.len;
	return buf_steal(&text);
}

static void the_same_image_gives_the_same_archive(void **state)
{
	struct place *p = *state;
	autofree char *first = NULL, *second = NULL;
	size_t first_len, second_len;

	export_archive(p, true);
	first = read_archive(p, &first_len);
	place_restart(p);
	export_archive(p, true);
	second = read_archive(p, &second_len);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
}

static char *dir_path(struct place *p, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/tmp/%s", p->scratch->path, name) > 0);
	return path;
}

static size_t count_manifests(struct place *p)
{
	struct error err = ERROR_INIT;
	autofree char *text = read_text(p->scratch->fd, "tmp/dir/index.json");
	AUTO(json_decref)
	json_t *index = json_parse(text, strlen(text), "index", &err);

	return json_array_size(json_object_get(index, "manifests"));
}

static void a_layout_directory_gathers_images(void **state)
{
	struct place *p = *state;
	autofree char *dir = dir_path(p, "dir");
	struct export_target to = { .fd = -1, .dir = dir };
	AUTO(image_free) struct image *img = sample_image(p);
	struct export_image unnamed = { .image = img, .names = &two_names[2] };
	struct error err = ERROR_INIT;
	autofree char *version = NULL;

	export_sample(p, false, &to);
	assert_int_equal(count_manifests(p), 2);
	export_sample(p, false, &to);
	assert_int_equal(count_manifests(p), 2);
	json_object_set_new(img->config, "author", json_string("another"));
	expect_ok(image_save(p->batch, img, NULL, &err), &err);
	expect_ok(export_oci(p->batch, &unnamed, 1, &gzip_format, false, NULL,
			     &to, NULL, &err),
		  &err);
	assert_int_equal(count_manifests(p), 3);
	version = read_text(p->scratch->fd, "tmp/dir/oci-layout");
	assert_string_equal(version, "{\"imageLayoutVersion\":\"1.0.0\"}");
	/* Nothing half-written is left. */
	assert_int_equal(count_entries(p->scratch->fd, "tmp/dir"), 3);
	image_free(img);
	img = NULL;
}

static void layout_directories_are_imported_by_reference(void **state)
{
	struct place *p = *state;
	struct place other = other_place(p);
	autofree char *dir = dir_path(p, "dir");
	struct export_target to = { .fd = -1, .dir = dir };
	struct image *img = NULL;
	struct error err = ERROR_INIT;

	export_sample(p, false, &to);
	expect_ok(import_layout(other.batch, dir, "v1", NULL, &img, &err),
		  &err);
	assert_int_equal(img->n_layers, 2);
	image_free(img);
	expect_ok(import_layout(other.batch, dir, "localhost:5000/a/app", NULL,
				&img, &err),
		  &err);
	image_free(img);
	assert_int_equal(
		import_layout(other.batch, dir, "v2", NULL, &img, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	close_other(&other);
}

static void links_in_a_layout_lead_nowhere_else(void **state)
{
	struct place *p = *state;
	struct place other = other_place(p);
	autofree char *dir = dir_path(p, "dir");
	struct export_target to = { .fd = -1, .dir = dir };
	struct image *img = NULL;
	struct error err = ERROR_INIT;
	struct stat st;

	export_sample(p, false, &to);
	/* The very same file, but outside. */
	assert_int_equal(renameat(p->scratch->fd, "tmp/dir/index.json",
				  p->scratch->fd, "tmp/outside.json"),
			 0);
	make_link(p->scratch->fd, "tmp/dir/index.json", "../outside.json");
	assert_int_equal(fstatat(p->scratch->fd, "tmp/dir/index.json", &st, 0),
			 0);
	assert_int_equal(
		import_layout(other.batch, dir, "v1", NULL, &img, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	close_other(&other);
}

static void files_of_the_final_root_are_exported(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	autofree char *dir = dir_path(p, "root");
	struct export_target to = { .fd = -1, .dir = dir };
	struct error err = ERROR_INIT;
	autofree char *os = NULL, *app = NULL;
	struct stat first, second;

	make_dir(p->scratch->fd, "tmp/root");
	make_file(p->scratch->fd, "tmp/root/mine", "kept");
	expect_ok(export_tree(p->batch, img, NULL, &to, &err), &err);
	os = read_text(p->scratch->fd, "tmp/root/etc/os");
	assert_string_equal(os, "two");
	app = read_text(p->scratch->fd, "tmp/root/bin/link");
	assert_string_equal(app, "program");
	assert_int_equal(faccessat(p->scratch->fd, "tmp/root/gone", F_OK, 0),
			 -1);
	assert_int_equal(faccessat(p->scratch->fd, "tmp/root/mine", F_OK, 0),
			 0);
	fstatat(p->scratch->fd, "tmp/root/bin/app", &first, 0);
	fstatat(p->scratch->fd, "tmp/root/bin/other", &second, 0);
	assert_true(first.st_ino == second.st_ino);
	assert_int_equal(first.st_mtim.tv_sec, 1700000000);
	assert_int_equal(first.st_mode & 07777, 0755);
	image_free(img);
	img = NULL;
}

static void files_of_the_final_root_make_a_tar(void **state)
{
	static const char *const expected[] = { "bin/",	    "bin/app",
						"bin/link", "bin/other",
						"etc/",	    "etc/os" };
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	autoclose int fd = open_archive(p, O_WRONLY | O_CREAT | O_TRUNC);
	struct export_target to = { .fd = fd };
	struct error err = ERROR_INIT;
	autofree char *tar = NULL;
	size_t len, pos = 0, i;

	expect_ok(export_tree(p->batch, img, NULL, &to, &err), &err);
	tar = read_archive(p, &len);
	for (i = 0; i < ARRAY_LEN(expected); i++) {
		assert_string_equal(tar + pos, expected[i]);
		pos += 512 +
		       (strtoul(tar + pos + 124, NULL, 8) + 511) / 512 * 512;
	}
	assert_int_equal(len, pos + 1024);
	image_free(img);
	img = NULL;
}

/* Flip one byte of an archive's member and see it refused. */
static void a_changed_blob_is_noticed(void **state)
{
	struct place *p = *state;
	struct place other = other_place(p);
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct error err = ERROR_INIT;
	autofree char *tar = NULL;
	autoclose int fd = -1;
	size_t len, pos = 0;

	export_archive(p, false);
	tar = read_archive(p, &len);
	/* The first blob's contents. */
	while (strncmp(tar + pos, "blobs/sha256/", 13) || !tar[pos + 13])
		pos += 512;
	fd = open_archive(p, O_RDWR);
	tar[pos + 512 + 5] ^= 1;
	assert_int_equal(pwrite(fd, tar + pos + 517, 1, (off_t)pos + 517), 1);
	assert_int_equal(import(&other, fd, &names, &err), -1);
	assert_int_equal(names.len, 0);
	close_other(&other);
}

static void a_short_archive_is_refused(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	autofree char *tar = NULL;
	autoclose int fd = -1;
	size_t len, cut;

	export_archive(p, true);
	tar = read_archive(p, &len);
	fd = open_archive(p, O_RDWR);
	/* What follows the index is not missed by those who read it. */
	cut = (size_t)((char *)memmem(tar, len, "index.json", 10) - tar) + 600;
	for (; cut > 0; cut = cut > 1500 ? cut - 1500 : 0) {
		struct place other = other_place(p);
		AUTO(strv_release) struct strv names = STRV_INIT;

		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		if (import(&other, fd, &names, &err) == 0)
			fail_msg("%zu of %zu bytes were accepted", cut, len);
		close_other(&other);
	}
}

static void rubbish_is_refused(void **state)
{
	struct place *p = *state;
	struct place other = other_place(p);
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct error err = ERROR_INIT;
	autofree char *bytes = random_bytes(7, 100000);
	autoclose int fd = open_archive(p, O_RDWR | O_CREAT);

	assert_int_equal(import(&other, fd, &names, &err), -1);
	assert_int_equal(write(fd, bytes, 100000), 100000);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(import(&other, fd, &names, &err), -1);
	close_other(&other);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(oci_archives_come_back_as_they_were),
		TEST(docker_archives_come_back_as_they_were),
		TEST(the_same_image_gives_the_same_archive),
		TEST(a_layout_directory_gathers_images),
		TEST(layout_directories_are_imported_by_reference),
		TEST(links_in_a_layout_lead_nowhere_else),
		TEST(files_of_the_final_root_are_exported),
		TEST(files_of_the_final_root_make_a_tar),
		TEST(a_changed_blob_is_noticed),
		TEST(a_short_archive_is_refused),
		TEST(rubbish_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
