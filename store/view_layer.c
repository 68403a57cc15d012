#include "store/view_layer.h"

#include <fcntl.h>
#include <string.h>

#include "store/layer_internal.h"

struct view_layer {
	struct layer *layer;
	struct tree *tree; /* NULL until needed */
	/* Instead, when the layer is a tar; the layer's. */
	const struct tar_index *index;
	int tar; /* -1 until contents are read */
	bool opened;
};

int view_layer_new(struct layer *l, struct view_layer **ret, struct error *err)
{
	struct view_layer *vl = calloc(1, sizeof(*vl));

	if (!vl)
		return error_nomem(err, "looking into a layer");
	vl->layer = layer_ref(l);
	vl->tar = -1;
	*ret = vl;
	return 0;
}

void view_layer_free(struct view_layer *vl)
{
	if (!vl)
		return;
	tree_free(vl->tree);
	if (vl->tar >= 0)
		close(vl->tar);
	layer_unref(vl->layer);
	free(vl);
}

static int open_tree(struct view_layer *vl, struct error *err)
{
	struct store *store = batch_store(vl->layer->batch);
	int fd;

	if (vl->tree)
		return 0;
	fd = layer_open_tree(vl->layer, O_RDONLY, err);
	if (fd < 0)
		return -1;
	return tree_new(fd, store_overlay_xattr_prefix(store), &vl->tree, err);
}

/* The lock is held. No tar is no error. */
static int read_index(struct layer *l, struct error *err)
{
	uint64_t size;
	autoclose int fd = layer_open_tar(l, &size, err);

	if (fd < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	return tar_index_read(fd, &l->index, err);
}

/*
 * What the tar of a layer that nobody has extracted holds. It is read once for
 * all views: every step has one of its own, on all layers below.
 */
static int open_index(struct view_layer *vl, struct error *err)
{
	struct layer *l = vl->layer;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	if (!l->index && l->has_diff_id && !l->tree_path)
		rc = read_index(l, err);
	vl->index = l->index;
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static int open_tar(struct view_layer *vl, struct error *err)
{
	uint64_t size;

	if (vl->tar >= 0)
		return 0;
	pthread_mutex_lock(&vl->layer->lock);
	vl->tar = layer_open_tar(vl->layer, &size, err);
	pthread_mutex_unlock(&vl->layer->lock);
	return vl->tar < 0 ? -1 : 0;
}

static int ensure_open(struct view_layer *vl, struct error *err)
{
	if (vl->opened)
		return 0;
	if (open_index(vl, err) < 0 || (!vl->index && open_tree(vl, err) < 0))
		return -1;
	vl->opened = true;
	return 0;
}

/* The entry with all that is told about a file, for one of its names. */
static const struct tar_index_entry *
find_in_tar(const struct view_layer *vl, const char *path,
	    const struct tar_index_entry **name)
{
	*name = tar_index_find(vl->index, path);
	if (*name && (*name)->entry.type == ENTRY_HARDLINK)
		return tar_index_find(vl->index, (*name)->entry.link);
	return *name;
}

static int stat_in_tar(struct view_layer *vl, const char *path,
		       struct tree_entry *ret, struct error *err)
{
	const struct tar_index_entry *name, *item, *first;
	char *copy;
	size_t n;

	/* The root has no entry of its own. */
	if (!*path) {
		*ret = view_layer_root();
		return 1;
	}
	item = find_in_tar(vl, path, &name);
	if (!item)
		return 0;
	copy = strdup(path);
	if (!copy)
		return error_nomem(err, "looking into a layer");
	first = tar_index_entries(vl->index, &n);
	*ret = (struct tree_entry){
		.entry = item->entry,
		.inode = (uint64_t)(item - first) + 1,
		.device = (uint64_t)(uintptr_t)vl,
		.n_links = item->n_links,
		.storage = copy,
	};
	ret->entry.path = copy;
	return 1;
}

int view_layer_stat(struct view_layer *vl, const char *path,
		    struct tree_entry *ret, struct error *err)
{
	int may_have =
		vl->index ? 1 : layer_tree_may_have(vl->layer, path, err);

	if (may_have <= 0)
		return may_have;
	if (ensure_open(vl, err) < 0)
		return -1;
	if (vl->index)
		return stat_in_tar(vl, path, ret, err);
	if (tree_stat(vl->tree, path, ret, err) == 0)
		return 1;
	return err->kind == ERROR_NOT_FOUND ? 0 : -1;
}

/* What follows a directory in canonical order lies below it. */
static int list_in_tar(struct view_layer *vl, const char *path,
		       struct strv *ret, struct error *err)
{
	const struct tar_index_entry *items;
	size_t n, i, len = strlen(path);

	items = tar_index_entries(vl->index, &n);
	for (i = len ? tar_index_lower_bound(vl->index, path) + 1 : 0; i < n;
	     i++) {
		const char *name = items[i].entry.path;

		if (len && (strncmp(name, path, len) != 0 || name[len] != '/'))
			break;
		name += len ? len + 1 : 0;
		if (!strchr(name, '/'))
			strv_append(ret, name);
	}
	return strv_check(ret, "listing a directory", err);
}

static int list_in_tree(struct view_layer *vl, const char *path,
			struct strv *ret, struct error *err)
{
	AUTO(tree_names_release) struct tree_names names = { 0 };
	size_t i;

	if (tree_list(vl->tree, path, &names, err) < 0)
		return -1;
	for (i = 0; i < names.n; i++)
		strv_append(ret, names.items[i].name);
	return strv_check(ret, "listing a directory", err);
}

int view_layer_list(struct view_layer *vl, const char *path, struct strv *ret,
		    struct error *err)
{
	if (ensure_open(vl, err) < 0)
		return -1;
	return vl->index ? list_in_tar(vl, path, ret, err)
			 : list_in_tree(vl, path, ret, err);
}

int view_layer_open(struct view_layer *vl, const char *path, off_t *offset,
		    struct error *err)
{
	const struct tar_index_entry *name, *item = NULL;
	int fd;

	if (ensure_open(vl, err) < 0)
		return -1;
	if (vl->index)
		item = find_in_tar(vl, path, &name);
	if (item && !item->sparse) {
		if (open_tar(vl, err) < 0)
			return -1;
		fd = fcntl(vl->tar, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return error_sys(err, errno, "cannot open '%s'", path);
		*offset = item->offset;
		return fd;
	}
	/* A sparse file is in one piece only once it is extracted. */
	if (open_tree(vl, err) < 0)
		return -1;
	*offset = 0;
	return tree_open_file(vl->tree, path, err);
}
