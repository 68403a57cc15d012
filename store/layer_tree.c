/* Extraction: the tree form of a layer, made from its stream in one pass. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/layer_internal.h"
#include "store/tree_tar.h"

/* A remote layer that came damaged is fetched once more. */
#define ATTEMPTS 2

/* Takes `root`. */
static int extract_into(struct layer *l, int root, struct error *err)
{
	struct store *store = batch_store(l->batch);
	AUTO(tree_free) struct tree *tree = NULL;
	AUTO(tar_reader_free) struct tar_reader *reader = NULL;
	struct stream *source, *hash;
	struct digest diff_id;
	uint64_t size;

	if (tree_new(root, store_overlay_xattr_prefix(store), &tree, err) < 0 ||
	    layer_open_hashed(l, &hash, &source, err) < 0 ||
	    tar_reader_new(source, true, &reader, err) < 0 ||
	    tree_from_tar(tree, reader, err) < 0)
		return -1;
	stream_hash_result(hash, &diff_id, &size);
	if (!digest_equal(&diff_id, &l->diff_id))
		return error_set(err, ERROR_INTEGRITY,
				 "the layer holds %s, but the config says %s",
				 diff_id.text, l->diff_id.text);
	l->size = (int64_t)size;
	return 0;
}

/* A fresh snapshot folder in the batch; its name and its open "fs". */
static int make_folder(struct batch *b, char **name, int *fs, struct error *err)
{
	autofree char *fresh = batch_fresh_name(b, "layer", err);
	autoclose int dir = -1;

	if (!fresh)
		return -1;
	if (mkdirat(batch_fd(b), fresh, 0700) < 0)
		return error_sys(err, errno, "cannot make a snapshot");
	dir = openat(batch_fd(b), fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* The root of an image, as far as no layer says otherwise. */
	if (dir < 0 || mkdirat(dir, "fs", 0755) < 0 ||
	    fchmodat(dir, "fs", 0755, 0) < 0)
		return error_sys(err, errno, "cannot make a snapshot");
	*fs = openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fs < 0)
		return error_sys(err, errno, "cannot make a snapshot");
	*name = steal_pointer(&fresh);
	return 0;
}

static int extract_once(struct layer *l, const char *dest, struct error *err)
{
	autofree char *name = NULL;
	struct error ignored;
	int fs = -1;

	if (make_folder(l->batch, &name, &fs, err) < 0)
		return -1;
	if (extract_into(l, fs, err) < 0) {
		io_remove_tree(batch_fd(l->batch), name, &ignored);
		return -1;
	}
	return batch_add_object(l->batch, name, dest, err);
}

static int extract(struct layer *l, const char *dest, struct error *err)
{
	int attempt, rc = -1;

	for (attempt = 0; attempt < ATTEMPTS && rc < 0; attempt++) {
		rc = extract_once(l, dest, err);
		if (rc < 0 && err->kind != ERROR_INTEGRITY)
			break;
	}
	if (rc < 0)
		return error_wrap(err, "extracting layer %s", l->diff_id.text);
	return 0;
}

static int set_tree_path(struct layer *l, struct error *err)
{
	if (asprintf(&l->tree_path, "%s/%s", store_path(batch_store(l->batch)),
		     snapshot_path(l->snapshot, "fs").text) < 0) {
		l->tree_path = NULL;
		return error_nomem(err, "opening a layer");
	}
	return 0;
}

/* An extraction's name follows from the layer: everybody finds the same. */
static int find_or_extract(struct layer *l, struct error *err)
{
	char id[sizeof("sha256-") + DIGEST_HEX_LEN];
	autoclose int fd = -1;

	snprintf(id, sizeof(id), "sha256-%s", digest_hex(&l->diff_id));
	fd = batch_open_object(batch_store(l->batch), l->batch,
			       snapshot_path(id, "").text, O_PATH | O_DIRECTORY,
			       err);
	if (fd < 0) {
		if (err->kind != ERROR_NOT_FOUND ||
		    extract(l, snapshot_path(id, "").text, err) < 0)
			return -1;
	}
	l->snapshot = strdup(id);
	if (!l->snapshot)
		return error_nomem(err, "opening a layer");
	return layer_write_tree_record(l, err);
}

int layer_need_tree(struct layer *l, struct error *err)
{
	if (l->tree_path)
		return 0;
	if (!l->snapshot && layer_read_tree_record(l, err) < 0)
		return -1;
	if (!l->snapshot && find_or_extract(l, err) < 0)
		return -1;
	return set_tree_path(l, err);
}

int layer_open_held(struct layer *l, int flags, struct error *err)
{
	autoclose int dir = -1;
	int fd;

	if (layer_need_tree(l, err) < 0)
		return -1;
	dir = batch_open_object(batch_store(l->batch), l->batch,
				snapshot_path(l->snapshot, "").text,
				O_PATH | O_DIRECTORY, err);
	if (dir < 0)
		return -1;
	fd = openat(dir, "fs", flags | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", l->tree_path)
		      : fd;
}

int layer_open_tree(struct layer *l, int flags, struct error *err)
{
	int fd;

	pthread_mutex_lock(&l->lock);
	fd = layer_open_held(l, flags, err);
	pthread_mutex_unlock(&l->lock);
	return fd;
}

char *layer_pending_tree(struct layer *l)
{
	autofree char *pending = NULL;
	char *path = NULL;

	pthread_mutex_lock(&l->lock);
	if (l->snapshot)
		pending = batch_object_path(
			l->batch, snapshot_path(l->snapshot, "").text);
	pthread_mutex_unlock(&l->lock);
	if (pending && asprintf(&path, "%s/%s/fs",
				store_path(batch_store(l->batch)), pending) < 0)
		return NULL;
	return path;
}

static int list_top_names(struct layer *l, struct error *err)
{
	autoclose int fd = layer_open_held(l, O_RDONLY, err);
	autodir DIR *dir = NULL;
	const char *name;
	int rc;

	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (!dir)
		return error_sys(err, errno, "cannot open '%s'", l->tree_path);
	steal_fd(&fd);
	while ((rc = io_next_entry(dir, l->tree_path, &name, err)) > 0)
		strv_append(&l->top_names, name);
	if (rc < 0)
		return -1;
	l->has_top_names = true;
	return strv_check(&l->top_names, "looking into a layer", err);
}

static bool has_top_name(const struct layer *l, const char *path)
{
	size_t len = strcspn(path, "/");

	for (size_t i = 0; i < l->top_names.len; i++)
		if (!strncmp(l->top_names.items[i], path, len) &&
		    !l->top_names.items[i][len])
			return true;
	return false;
}

int layer_tree_may_have(struct layer *l, const char *path, struct error *err)
{
	int may = 1;

	pthread_mutex_lock(&l->lock);
	if (*path && l->tree_path) {
		if (!l->has_top_names && list_top_names(l, err) < 0)
			may = -1;
		else
			may = has_top_name(l, path);
	}
	pthread_mutex_unlock(&l->lock);
	return may;
}
