#include "store/fsck_object.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/blob.h"
#include "store/file_digests.h"
#include "store/image.h"
#include "store/layer.h"
#include "store/tree_tar.h"

#define RECORD_MAX ((size_t)16 << 20)

/* The last component. */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int digest_of_name(const char *hex, struct digest *ret,
			  struct error *err)
{
	char text[sizeof("sha256:") + DIGEST_HEX_LEN];

	if (strlen(hex) != DIGEST_HEX_LEN)
		return error_set(err, ERROR_INTEGRITY, "its name is no digest");
	snprintf(text, sizeof(text), "sha256:%s", hex);
	return digest_parse(text, ret, err);
}

/* Read a file through: does it have this digest? */
static int check_digest(struct batch *b, const char *path,
			const struct digest *expected, struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;
	autoclose int fd = openat(store_fd(batch_store(b)), path,
				  O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct digest found;
	char buf[65536];
	ssize_t n;

	if (fd < 0)
		return error_sys(err, errno, "cannot open it");
	if (hash_new(&hash, err) < 0)
		return -1;
	while ((n = io_read(fd, buf, sizeof(buf), path, err)) > 0)
		hash_update(hash, buf, (size_t)n);
	if (n < 0)
		return -1;
	hash_digest(hash, &found);
	if (digest_equal(&found, expected))
		return 0;
	return error_set(err, ERROR_INTEGRITY, "its digest is %s", found.text);
}

int fsck_blob(struct batch *b, const char *path, struct error *err)
{
	struct digest expected;

	if (digest_of_name(name_of(path), &expected, err) < 0)
		return -1;
	return check_digest(b, path, &expected, err);
}

/* A record as JSON; the caller owns it. */
static json_t *read_record(struct batch *b, const char *path, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (io_read_file(store_fd(batch_store(b)), path, RECORD_MAX, &text,
			 err) < 0)
		return NULL;
	return json_parse(text.data ? text.data : "", text.len, "the record",
			  err);
}

static int get_digest(const json_t *record, const char *key, struct digest *ret,
		      struct error *err)
{
	const char *text = json_get_string(record, key);

	if (!text)
		return error_set(err, ERROR_INTEGRITY, "it has no \"%s\"", key);
	return digest_parse(text, ret, err);
}

static int hash_tree(struct batch *b, const char *path, struct digest *ret,
		     struct error *err)
{
	struct store *s = batch_store(b);
	AUTO(sink_free) struct sink *hash = NULL;
	AUTO(tar_writer_free) struct tar_writer *writer = NULL;
	AUTO(tree_free) struct tree *tree = NULL;
	uint64_t size;
	int fd = openat(store_fd(s), path,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (tree_new(fd, store_overlay_xattr_prefix(s), &tree, err) < 0 ||
	    sink_hash(&hash, err) < 0 ||
	    tar_writer_new(hash, NULL, &writer, err) < 0 ||
	    tree_to_tar(tree, writer, err) < 0 ||
	    tar_writer_finish(writer, err) < 0 || sink_finish(hash, err) < 0)
		return -1;
	sink_hash_result(hash, ret, &size);
	return 0;
}

static bool exists(struct batch *b, const char *path)
{
	return faccessat(store_fd(batch_store(b)), path, F_OK,
			 AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * A result of ours whose diffID is known must still pack to it. A layer from
 * elsewhere was packed by somebody else's rules: its tree has nothing to be
 * compared with.
 */
int fsck_snapshot(struct batch *b, const char *path, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	autofree char *fs = NULL, *diffid = NULL;
	struct digest expected, found;

	if (asprintf(&fs, "%s/fs", path) < 0)
		fs = NULL;
	if (asprintf(&diffid, "%s/diffid", path) < 0)
		diffid = NULL;
	if (!fs || !diffid)
		return error_nomem(err, "checking a tree");
	if (!exists(b, fs))
		return error_set(err, ERROR_INTEGRITY, "it has no tree");
	if (!exists(b, diffid))
		return 0;
	record = read_record(b, diffid, err);
	if (!record || get_digest(record, "diffID", &expected, err) < 0)
		return -1;
	if (!strncmp(name_of(path), "sha256-", 7))
		return 0;
	if (hash_tree(b, fs, &found, err) < 0)
		return -1;
	if (digest_equal(&found, &expected))
		return 0;
	return error_set(err, ERROR_INTEGRITY, "its diffID is %s, not %s",
			 found.text, expected.text);
}

/* layers/sha256/<diffID>/tar */
static int check_tar(struct batch *b, const char *path, struct error *err)
{
	const char *end = strrchr(path, '/');
	autofree char *folder = strndup(path, (size_t)(end - path));
	struct digest expected;

	if (!folder)
		return error_nomem(err, "checking a layer");
	if (digest_of_name(name_of(folder), &expected, err) < 0)
		return -1;
	return check_digest(b, path, &expected, err);
}

static int check_tree_record(struct batch *b, const char *path,
			     struct error *err)
{
	AUTO(json_decref) json_t *record = read_record(b, path, err);
	const char *snapshot = json_get_string(record, "snapshot");
	autofree char *target = NULL;

	if (!record)
		return -1;
	if (!snapshot || strchr(snapshot, '/'))
		return error_set(err, ERROR_INTEGRITY, "it names no tree");
	if (asprintf(&target, "snapshots/%s/fs", snapshot) < 0) {
		target = NULL;
		return error_nomem(err, "checking a layer");
	}
	return exists(b, target) ? 0
				 : error_set(err, ERROR_NOT_FOUND,
					     "its tree '%s' is gone", snapshot);
}

static int check_blob_record(struct batch *b, const char *path,
			     struct error *err)
{
	AUTO(json_decref) json_t *record = read_record(b, path, err);
	AUTO(descriptor_release) struct descriptor desc = { 0 };

	if (!record || descriptor_parse(record, &desc, err) < 0)
		return -1;
	if (blob_exists(batch_store(b), b, &desc.digest))
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "its blob %s is gone",
			 desc.digest.text);
}

static int check_remote_record(struct batch *b, const char *path,
			       struct error *err)
{
	AUTO(json_decref) json_t *record = read_record(b, path, err);
	AUTO(descriptor_release) struct descriptor desc = { 0 };

	if (!record || descriptor_parse(json_object_get(record, "descriptor"),
					&desc, err) < 0)
		return -1;
	return json_get_string(record, "origin")
		       ? 0
		       : error_set(err, ERROR_INTEGRITY, "it has no origin");
}

int fsck_form(struct batch *b, const char *path, struct error *err)
{
	const char *form = name_of(path);

	if (!strcmp(form, "tar"))
		return check_tar(b, path, err);
	if (!strcmp(form, "tree"))
		return check_tree_record(b, path, err);
	if (!strncmp(form, "blob.", 5))
		return check_blob_record(b, path, err);
	if (!strcmp(form, "remote") || !strncmp(form, "sent.", 5))
		return check_remote_record(b, path, err);
	return 0;
}

int fsck_step(struct batch *b, const char *path, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	AUTO(layer_unref) struct layer *l = NULL;
	struct digest key;
	const char *layer;

	/* Texts that go with a record are for people. */
	if (strchr(name_of(path), '.'))
		return 0;
	if (digest_of_name(name_of(path), &key, err) < 0)
		return -1;
	record = read_record(b, path, err);
	if (!record)
		return -1;
	layer = json_get_string(record, "layer");
	if (!layer)
		return error_set(err, ERROR_INTEGRITY, "it names no layer");
	return layer_by_id(b, layer, &l, err);
}

int fsck_file_digests(struct batch *b, const char *path, struct error *err)
{
	return file_digests_verify(batch_store(b), path, err);
}

/* The record, and the image with all its layers. */
int fsck_name(struct batch *b, const char *path, struct error *err)
{
	AUTO(json_decref) json_t *record = read_record(b, path, err);
	AUTO(image_free) struct image *img = NULL;
	struct digest id;

	if (!record || get_digest(record, "image", &id, err) < 0)
		return -1;
	return image_open(b, &id, &img, err);
}

/* The record, and every image that it lists. */
int fsck_list(struct batch *b, const char *path, struct error *err)
{
	AUTO(json_decref) json_t *record = read_record(b, path, err);
	const json_t *item;
	size_t i;

	if (!record)
		return -1;
	json_array_foreach(json_object_get(record, "images"), i, item) {
		AUTO(image_free) struct image *img = NULL;
		struct digest id;

		if (get_digest(item, "image", &id, err) < 0 ||
		    image_open(b, &id, &img, err) < 0)
			return -1;
	}
	return 0;
}
