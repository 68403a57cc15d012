#include "tests/unit/store/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "store/tar.h"

/* A tar in the batch's folder, being written. */
struct sample_tar {
	char *name;
	int fd;
	struct sink *file, *hash, *both;
	struct tar_writer *tar;
};

static void open_tar(struct place *p, struct sample_tar *t)
{
	struct error err = ERROR_INIT;

	t->name = batch_fresh_name(p->batch, "sample", &err);
	t->fd = openat(batch_fd(p->batch), t->name,
		       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(t->fd >= 0);
	expect_ok(sink_to_fd(t->fd, t->name, &t->file, &err), &err);
	expect_ok(sink_hash(&t->hash, &err), &err);
	expect_ok(sink_tee(t->file, t->hash, &t->both, &err), &err);
	expect_ok(tar_writer_new(t->both, NULL, &t->tar, &err), &err);
}

static struct layer *close_tar(struct place *p, struct sample_tar *t)
{
	struct error err = ERROR_INIT;
	struct layer *layer = NULL;
	struct digest diff_id;
	uint64_t size_bytes;

	expect_ok(tar_writer_finish(t->tar, &err), &err);
	expect_ok(sink_finish(t->both, &err), &err);
	sink_hash_result(t->hash, &diff_id, &size_bytes);
	tar_writer_free(t->tar);
	sink_free(t->both);
	sink_free(t->hash);
	sink_free(t->file);
	close(t->fd);
	expect_ok(layer_from_tar(p->batch, t->name, &diff_id, &layer, &err),
		  &err);
	free(t->name);
	return layer;
}

static void put(struct sample_tar *t, struct entry e, const char *contents)
{
	struct error err = ERROR_INIT;

	/* Whoever runs the tests can give files to himself at least. */
	e.uid = geteuid();
	e.gid = getegid();
	e.mtime.tv_sec = 1700000000;
	e.size = contents ? strlen(contents) : 0;
	if (e.type == ENTRY_FILE)
		expect_ok(tar_writer_entry_data(t->tar, &e, contents, &err),
			  &err);
	else
		expect_ok(tar_writer_entry(t->tar, &e, -1, 0, &err), &err);
}

struct layer *sample_layer(struct place *p, const struct sample_file *files,
			   size_t n)
{
	struct sample_tar t = { 0 };
	size_t i;

	open_tar(p, &t);
	for (i = 0; i < n; i++)
		put(&t,
		    (struct entry){
			    .path = files[i].path,
			    .type = files[i].contents ? ENTRY_FILE : ENTRY_DIR,
			    .mode = files[i].contents ? 0644 : 0755,
		    },
		    files[i].contents);
	return close_tar(p, &t);
}

static struct layer *upper_layer(struct place *p)
{
	struct sample_tar t = { 0 };

	open_tar(p, &t);
	put(&t,
	    (struct entry){ .path = "bin", .type = ENTRY_DIR, .mode = 0755 },
	    NULL);
	put(&t,
	    (struct entry){
		    .path = "bin/app", .type = ENTRY_FILE, .mode = 0755 },
	    "program");
	put(&t,
	    (struct entry){ .path = "bin/link",
			    .type = ENTRY_SYMLINK,
			    .mode = 0777,
			    .link = "app" },
	    NULL);
	put(&t,
	    (struct entry){ .path = "bin/other",
			    .type = ENTRY_HARDLINK,
			    .mode = 0755,
			    .link = "bin/app" },
	    NULL);
	put(&t,
	    (struct entry){ .path = "etc", .type = ENTRY_DIR, .mode = 0755 },
	    NULL);
	put(&t,
	    (struct entry){
		    .path = "etc/os", .type = ENTRY_FILE, .mode = 0644 },
	    "two");
	put(&t, (struct entry){ .path = "gone", .type = ENTRY_WHITEOUT }, NULL);
	return close_tar(p, &t);
}

struct image *sample_image(struct place *p)
{
	static const struct sample_file below[] = {
		{ "etc", NULL },
		{ "etc/os", "one" },
		{ "gone", "x" },
	};
	struct platform platform = platform_host();
	AUTO(layer_unref)
	struct layer *lower = sample_layer(p, below, ARRAY_LEN(below));
	AUTO(layer_unref) struct layer *upper = upper_layer(p);
	struct error err = ERROR_INIT;
	struct image *img = NULL;

	expect_ok(image_new(image_config_new(&platform), &img, &err), &err);
	json_object_set_new(img->config, "created",
			    json_string("2024-01-01T00:00:00Z"));
	expect_ok(image_add_layer(img, lower, &err), &err);
	expect_ok(image_add_layer(img, upper, &err), &err);
	expect_ok(image_save(p->batch, img, NULL, &err), &err);
	return img;
}
