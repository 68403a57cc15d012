#include "builder/bind_source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/batch.h"

/* The name of a single file's copy in its folder. */
#define FILE_NAME "file"
#define DIR_MODE  0755

static const struct copy_source *source_of(const struct step_read *r)
{
	return &r->found.items[0];
}

/* The only layer that has any of the files; -1: there are several. */
static ptrdiff_t only_layer(const struct copy_source *src)
{
	for (size_t i = 0; i < src->contents.len; i++)
		if (src->contents.items[i]->layer != src->top->layer)
			return -1;
	return (ptrdiff_t)src->top->layer;
}

static int open_in_layer(struct layer *l, const char *path, struct error *err)
{
	autoclose int root = layer_open_tree(l, O_PATH, err);

	if (root < 0)
		return -1;
	return confined_open(root, path, O_PATH | O_NOFOLLOW, 0, err);
}

static int put_file(struct tree *tree, struct file_root *root,
		    const struct file_node *n, const char *path,
		    struct error *err)
{
	AUTO(stream_free) struct stream *contents = NULL;
	struct entry e = n->meta;
	off_t offset = 0;

	e.path = path;
	if (!file_root_keeps_owners(root))
		e.uid = e.gid = 0;
	if (e.type == ENTRY_FILE && e.size > 0) {
		int fd = file_root_open(root, n, &offset, err);

		if (fd < 0 || stream_from_fd(fd, true, offset, e.size,
					     &contents, err) < 0)
			return -1;
	}
	return tree_put(tree, &e, contents, err);
}

int bind_source_fill(struct step_job *job, struct step_read *r, int dir,
		     struct error *err)
{
	const struct copy_source *src = source_of(r);
	struct store *store = batch_store(job->options->batch);
	AUTO(tree_free) struct tree *tree = NULL;
	size_t prefix = strlen(src->top->meta.path);
	int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return error_sys(err, errno, "cannot fill a mount");
	if (tree_new(own, store_overlay_xattr_prefix(store), &tree, err) < 0)
		return -1;
	prefix += prefix > 0;
	if (src->top->meta.type != ENTRY_DIR)
		return put_file(tree, r->root, src->top, FILE_NAME, err);
	for (size_t i = 0; i < src->contents.len; i++) {
		const struct file_node *n = src->contents.items[i];

		if (put_file(tree, r->root, n, n->meta.path + prefix, err) < 0)
			return -1;
	}
	return tree_finish(tree, err);
}

/* The folder stands for the directory that is read. */
static int dress_dir(int dir, const struct step_read *r, struct error *err)
{
	const struct entry *top = &source_of(r)->top->meta;
	const struct timespec times[2] = { top->mtime, top->mtime };

	if (file_root_keeps_owners(r->root) && (top->uid || top->gid) &&
	    fchown(dir, top->uid, top->gid) < 0)
		return error_sys(err, errno, "cannot set a mount's owner");
	if (fchmod(dir, top->mode) < 0 || futimens(dir, times) < 0)
		return error_sys(err, errno, "cannot set a mount's mode");
	return 0;
}

/* Put the files together in a folder of their own. */
static int open_copy(struct step_job *job, struct step_read *r,
		     struct bind_source *ret, struct error *err)
{
	struct batch *b = job->options->batch;
	autoclose int dir = -1;

	ret->copy = batch_fresh_name(b, "bind", err);
	if (!ret->copy)
		return -1;
	if (mkdirat(batch_fd(b), ret->copy, DIR_MODE) < 0)
		return error_sys(err, errno, "cannot make a mount in '%s'",
				 batch_path(b));
	dir = openat(batch_fd(b), ret->copy,
		     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, DIR_MODE) < 0)
		return error_sys(err, errno, "cannot make a mount in '%s'",
				 batch_path(b));
	if (bind_source_fill(job, r, dir, err) < 0 ||
	    (ret->is_dir && dress_dir(dir, r, err) < 0))
		return -1;
	return confined_open(dir, ret->is_dir ? "" : FILE_NAME,
			     O_PATH | O_NOFOLLOW, 0, err);
}

int bind_source_open(struct step_job *job, struct step_read *r,
		     struct bind_source *ret, struct error *err)
{
	const struct copy_source *src = source_of(r);
	ptrdiff_t layer = -1;
	int direct = 0;

	ret->is_dir = src->top->meta.type == ENTRY_DIR;
	if (!step_read_is_local(r)) {
		layer = only_layer(src);
		if (layer >= 0)
			direct = file_root_is_alone(r->root, src->top, err);
		if (direct < 0)
			return -1;
	}
	ret->fd =
		direct ? open_in_layer(file_root_layer(r->root, (size_t)layer),
				       src->top->meta.path, err)
		       : open_copy(job, r, ret, err);
	return ret->fd < 0 ? -1 : 0;
}

void bind_source_release(struct bind_source *b, struct batch *batch)
{
	struct error ignored = ERROR_INIT;

	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	if (b->copy)
		io_remove_tree(batch_fd(batch), b->copy, &ignored);
	free(b->copy);
	b->copy = NULL;
}
