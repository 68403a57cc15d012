/* The files of an image's final root, as a tar or into a directory. */
#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/map.h"
#include "store/export.h"
#include "store/tar.h"
#include "store/tree.h"
#include "store/view.h"

struct tree_export {
	struct map *first_names; /* (device, inode) -> path */
	struct tar_writer *tar;	 /* one of the two */
	struct tree *dir;
};

static void tree_export_release(struct tree_export *x)
{
	map_free(x->first_names);
	tar_writer_free(x->tar);
	tree_free(x->dir);
}
DEFINE_RELEASE(struct tree_export, tree_export_release);

/* The name under which a file with several names went out; NULL: none yet. */
static int first_name(struct tree_export *x, const struct tree_entry *e,
		      const char **ret, struct error *err)
{
	uint64_t key[2] = { e->device, e->inode };
	char *copy;

	*ret = NULL;
	if (e->entry.type == ENTRY_DIR || e->n_links < 2)
		return 0;
	*ret = map_get(x->first_names, key, sizeof(key));
	if (*ret)
		return 0;
	copy = strdup(e->entry.path);
	if (!copy || map_put(x->first_names, key, sizeof(key), copy) < 0) {
		free(copy);
		return error_nomem(err, "exporting files");
	}
	return 0;
}

static int put_in_dir(struct tree_export *x, struct entry *e, int fd,
		      off_t offset, struct error *err)
{
	AUTO(stream_free) struct stream *contents = NULL;

	/* Files for a person belong to that person. */
	e->uid = 0;
	e->gid = 0;
	if (fd >= 0 &&
	    stream_from_fd(fd, false, offset, e->size, &contents, err) < 0)
		return -1;
	return tree_put(x->dir, e, contents, err);
}

static int export_node(void *ctx, struct view *v, const struct view_node *node,
		       struct error *err)
{
	struct tree_export *x = ctx;
	struct entry e = node->meta.entry;
	autoclose int fd = -1;
	const char *first;
	off_t offset = 0;

	if (!*e.path)
		return 0;
	if (first_name(x, &node->meta, &first, err) < 0)
		return -1;
	if (first) {
		e.type = ENTRY_HARDLINK;
		e.link = first;
	} else if (e.type == ENTRY_FILE) {
		fd = view_open_file(v, node, &offset, err);
		if (fd < 0)
			return -1;
	}
	return x->tar ? tar_writer_entry(x->tar, &e, fd, offset, err)
		      : put_in_dir(x, &e, fd, offset, err);
}

static int open_dir(struct tree_export *x, struct batch *b, const char *path,
		    struct error *err)
{
	int fd;

	if (io_make_dirs(path, 0755, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return tree_new(fd, store_overlay_xattr_prefix(batch_store(b)), &x->dir,
			err);
}

static int walk_image(struct tree_export *x, struct image *image,
		      struct error *err)
{
	AUTO(view_free) struct view *view = NULL;

	if (view_new(image->layers, image->n_layers, &view, err) < 0)
		return -1;
	return view_walk(view, "", export_node, x, err);
}

int export_tree(struct batch *b, struct image *image, const int64_t *clamp,
		const struct export_target *to, struct error *err)
{
	AUTO(tree_export_release)
	struct tree_export x = { .first_names = map_new(free) };
	AUTO(sink_free) struct sink *sink = NULL;

	if (!x.first_names)
		return error_nomem(err, "exporting files");
	if (to->dir) {
		if (open_dir(&x, b, to->dir, err) < 0 ||
		    walk_image(&x, image, err) < 0)
			return -1;
		return tree_finish(x.dir, err);
	}
	if (sink_to_fd(to->fd, "the archive", &sink, err) < 0 ||
	    tar_writer_new(sink, clamp, &x.tar, err) < 0 ||
	    walk_image(&x, image, err) < 0)
		return -1;
	return tar_writer_finish(x.tar, err);
}
