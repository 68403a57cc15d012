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
	struct map *first_names; /* which file -> path of its first name */
	const int64_t *clamp;
	struct tar_writer *tar; /* one of these two */
	struct tree *tree;
};

/* Which file a name belongs to, when it may be one of several. */
struct file_id {
	uint64_t layer, device, inode;
};

/* The first name of this file, or NULL when this is it. */
static int first_name(struct tree_export *x, const struct view_node *node,
		      const char **ret, struct error *err)
{
	struct file_id id = { node->layer, node->meta.device,
			      node->meta.inode };
	char *path;

	*ret = NULL;
	if (node->meta.entry.type == ENTRY_DIR || node->meta.n_links < 2)
		return 0;
	*ret = map_get(x->first_names, &id, sizeof(id));
	if (*ret)
		return 0;
	path = strdup(node->meta.entry.path);
	if (path && map_put(x->first_names, &id, sizeof(id), path) == 0)
		return 0;
	free(path);
	return error_nomem(err, "exporting files");
}

static int put_in_tar(struct tree_export *x, struct view *v,
		      const struct view_node *node, const struct entry *e,
		      struct error *err)
{
	autoclose int fd = -1;
	off_t offset = 0;

	if (e->type == ENTRY_FILE) {
		fd = view_open_file(v, node, &offset, err);
		if (fd < 0)
			return -1;
	}
	return tar_writer_entry(x->tar, e, fd, offset, err);
}

static int put_in_tree(struct tree_export *x, struct view *v,
		       const struct view_node *node, struct entry *e,
		       struct error *err)
{
	AUTO(stream_free) struct stream *contents = NULL;
	off_t offset = 0;
	int fd;

	/* Files on a user's disk are the user's, whoever the image says. */
	e->uid = geteuid();
	e->gid = getegid();
	if (x->clamp && e->mtime.tv_sec > *x->clamp)
		e->mtime = (struct timespec){ .tv_sec = *x->clamp };
	if (e->type != ENTRY_FILE)
		return tree_put(x->tree, e, NULL, err);
	fd = view_open_file(v, node, &offset, err);
	if (fd < 0)
		return -1;
	if (stream_from_fd(fd, true, offset, e->size, &contents, err) < 0) {
		close(fd);
		return -1;
	}
	return tree_put(x->tree, e, contents, err);
}

static int export_node(void *ctx, struct view *v, const struct view_node *node,
		       struct error *err)
{
	struct tree_export *x = ctx;
	struct entry e = node->meta.entry;
	bool device = e.type == ENTRY_CHAR || e.type == ENTRY_BLOCK;

	/* The root is there already, or goes without saying. */
	if (!e.path[0] || (x->tree && device))
		return 0;
	if (first_name(x, node, &e.link, err) < 0)
		return -1;
	if (e.link)
		e.type = ENTRY_HARDLINK;
	else
		e.link = node->meta.entry.link;
	return x->tar ? put_in_tar(x, v, node, &e, err)
		      : put_in_tree(x, v, node, &e, err);
}

static int export_to_tar(struct tree_export *x, struct view *v, int fd,
			 struct error *err)
{
	AUTO(tar_writer_free) struct tar_writer *tar = NULL;
	AUTO(sink_free) struct sink *to = NULL;

	if (sink_to_fd(fd, "the archive", &to, err) < 0 ||
	    tar_writer_new(to, x->clamp, &tar, err) < 0)
		return -1;
	x->tar = tar;
	if (view_walk(v, "", export_node, x, err) < 0 ||
	    tar_writer_finish(tar, err) < 0)
		return -1;
	return sink_finish(to, err);
}

static int export_to_dir(struct tree_export *x, struct view *v, const char *dir,
			 const char *xattr_prefix, struct error *err)
{
	AUTO(tree_free) struct tree *tree = NULL;
	int fd;

	if (io_make_dirs(dir, 0777, err) < 0)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", dir);
	if (tree_new(fd, xattr_prefix, &tree, err) < 0)
		return -1;
	x->tree = tree;
	if (view_walk(v, "", export_node, x, err) < 0)
		return -1;
	return tree_finish(tree, err);
}

int export_tree(struct batch *b, struct image *image, const int64_t *clamp,
		const struct export_target *to, struct error *err)
{
	AUTO(map_free) struct map *first_names = map_new(free);
	AUTO(view_free) struct view *v = NULL;
	struct tree_export x = { .first_names = first_names, .clamp = clamp };
	int ret;

	if (!first_names)
		return error_nomem(err, "exporting files");
	if (view_new(image->layers, image->n_layers, &v, err) < 0)
		return -1;
	ret = to->dir ? export_to_dir(
				&x, v, to->dir,
				store_overlay_xattr_prefix(batch_store(b)), err)
		      : export_to_tar(&x, v, to->fd, err);
	return ret < 0 ? error_wrap(err, "exporting files") : 0;
}
