/*
 * The result of a step: an overlay upper directory made into a tree that
 * stands for itself, without what only the mount needed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "store/base/io.h"
#include "store/layer_internal.h"
#include "store/tree.h"
#include "store/view.h"

/* Bytes compared at a time. */
#define CHUNK ((size_t)64 << 10)

struct normaliser {
	struct tree *tree;
	struct view *lower;
	const char *xattr_prefix;
};

static bool same_xattrs(const struct entry *a, const struct entry *b)
{
	size_t i;

	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (i = 0; i < a->n_xattrs; i++)
		if (strcmp(a->xattrs[i].name, b->xattrs[i].name) != 0 ||
		    a->xattrs[i].size != b->xattrs[i].size ||
		    memcmp(a->xattrs[i].value, b->xattrs[i].value,
			   a->xattrs[i].size) != 0)
			return false;
	return true;
}

static bool same_attributes(const struct entry *a, const struct entry *b)
{
	return a->type == b->type && a->mode == b->mode && a->uid == b->uid &&
	       a->gid == b->gid && same_xattrs(a, b);
}

/* Layers carry whole seconds, so that nothing finer counts below. */
static bool same_mtime(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec &&
	       (a.tv_nsec == b.tv_nsec || !a.tv_nsec || !b.tv_nsec);
}

/* Do `fd` and the lower file hold the same bytes? 1, 0, -1. */
static int same_contents(const struct normaliser *n, int fd,
			 const struct view_node *lower, struct error *err)
{
	autofree char *a = malloc(CHUNK), *b = malloc(CHUNK);
	off_t offset, pos = 0;
	autoclose int below = view_open_file(n->lower, lower, &offset, err);
	uint64_t left = lower->meta.entry.size;

	if (below < 0)
		return -1;
	if (!a || !b)
		return error_nomem(err, "comparing files");
	while (left > 0) {
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t got = io_pread(fd, a, want, pos, "a file", err);

		if (got < 0 ||
		    io_pread(below, b, want, offset + pos, "a file", err) < 0)
			return -1;
		if ((size_t)got != want || memcmp(a, b, want) != 0)
			return 0;
		pos += (off_t)want;
		left -= want;
	}
	return 1;
}

/* A file that was copied up and is as it was. 1, 0, -1. */
static int file_is_unchanged(const struct normaliser *n, int dirfd,
			     const char *name, const struct entry *e,
			     const struct view_node *lower, struct error *err)
{
	const struct entry *l = &lower->meta.entry;
	autoclose int fd = -1;

	if (!same_attributes(e, l) || !same_mtime(e->mtime, l->mtime))
		return 0;
	if (e->type == ENTRY_SYMLINK)
		return !strcmp(e->link, l->link);
	if (e->type != ENTRY_FILE)
		return e->dev_major == l->dev_major &&
		       e->dev_minor == l->dev_minor;
	/* Another name of a file that stays must stay with it. */
	if (e->size != l->size || lower->meta.n_links > 1)
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot read '%s'", e->path);
	return same_contents(n, fd, lower, err);
}

static int remove_file(int dirfd, const char *name, const char *path,
		       struct error *err)
{
	if (unlinkat(dirfd, name, 0) < 0)
		return error_sys(err, errno, "cannot remove '%s'", path);
	return 0;
}

/*
 * Whiteouts for what an opaque directory hides, so that the layer says in
 * OCI's preferred form what is gone, and stands without the mark.
 */
static int spell_out_opaque(const struct normaliser *n, int fd,
			    const char *path, struct error *err)
{
	AUTO(strv_release) struct strv names = STRV_INIT;
	AUTO(view_node_release) struct view_node node = { 0 };
	autofree char *mark = NULL;
	int found = view_lookup(n->lower, path, false, &node, NULL, err);
	size_t i;

	if (found < 0)
		return -1;
	if (found && node.meta.entry.type == ENTRY_DIR &&
	    view_list(n->lower, node.meta.entry.path, &names, err) < 0)
		return -1;
	for (i = 0; i < names.len; i++)
		if (mknodat(fd, names.items[i], S_IFCHR, makedev(0, 0)) < 0 &&
		    errno != EEXIST)
			return error_sys(err, errno,
					 "cannot mark '%s/%s' as removed", path,
					 names.items[i]);
	if (asprintf(&mark, "%soverlay.opaque", n->xattr_prefix) < 0)
		return error_nomem(err, "making a layer");
	if (fremovexattr(fd, mark) < 0 && errno != ENODATA)
		return error_sys(err, errno, "cannot change '%s'", path);
	return 0;
}

/* A removal of what no lower layer has says nothing. 1: it was dropped. */
static int normalise_whiteout(struct normaliser *n, int dirfd, const char *name,
			      const char *path, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = view_lookup(n->lower, path, false, &node, NULL, err);

	if (found)
		return found < 0 ? -1 : 0;
	return remove_file(dirfd, name, path, err) < 0 ? -1 : 1;
}

static int normalise_file(struct normaliser *n, int dirfd, const char *name,
			  const struct entry *e, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = view_lookup(n->lower, e->path, false, &node, NULL, err);
	int unchanged;

	if (found <= 0)
		return found;
	unchanged = file_is_unchanged(n, dirfd, name, e, &node, err);
	if (unchanged <= 0)
		return unchanged;
	return remove_file(dirfd, name, e->path, err) < 0 ? -1 : 1;
}

static int normalise_dir(struct normaliser *n, int dirfd, const char *name,
			 const struct tree_entry *e, struct error *err);

/* One name of a directory: 1 when it was dropped, 0 when it stays, -1. */
static int normalise_child(struct normaliser *n, int dirfd, const char *name,
			   const char *path, struct error *err)
{
	AUTO(tree_entry_release) struct tree_entry e = { 0 };

	if (!strncmp(name, ".wh.", 4))
		return error_set(err, ERROR_REFUSED,
				 "'/%s': names that begin with \".wh.\" mean "
				 "deletion in layers and cannot be stored; "
				 "remove the file in the same RUN",
				 path);
	if (tree_stat(n->tree, path, &e, err) < 0) {
		/* Sockets are reported as absent: they are not stored. */
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		return remove_file(dirfd, name, path, err) < 0 ? -1 : 1;
	}
	if (e.entry.type == ENTRY_WHITEOUT)
		return normalise_whiteout(n, dirfd, name, path, err);
	if (e.entry.type == ENTRY_DIR)
		return normalise_dir(n, dirfd, name, &e, err);
	return normalise_file(n, dirfd, name, &e.entry, err);
}

/* All children of the open directory `fd`; `*left` counts those that stay. */
static int normalise_children(struct normaliser *n, int fd, const char *path,
			      size_t *left, struct error *err)
{
	AUTO(strv_release) struct strv names = STRV_INIT;
	autodir DIR *dir = NULL;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;
	size_t i;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir)
		return error_sys(err, errno, "cannot list '%s'", path);
	while ((errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			strv_append(&names, d->d_name);
	if (errno)
		return error_sys(err, errno, "cannot list '%s'", path);
	if (strv_check(&names, "making a layer", err) < 0)
		return -1;
	*left = names.len;
	for (i = 0; i < names.len; i++) {
		autofree char *child = NULL;
		int dropped;

		if (asprintf(&child, "%s%s%s", path, *path ? "/" : "",
			     names.items[i]) < 0)
			return error_nomem(err, "making a layer");
		dropped = normalise_child(n, fd, names.items[i], child, err);
		if (dropped < 0)
			return -1;
		*left -= (size_t)dropped;
	}
	return 0;
}

/* A directory that was only copied up, for something below it. */
static int dir_is_unchanged(const struct normaliser *n, const struct entry *e,
			    struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = view_lookup(n->lower, e->path, false, &node, NULL, err);

	if (found <= 0)
		return found;
	return same_attributes(e, &node.meta.entry);
}

static int restore_mtime(int fd, const struct entry *e, struct error *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   e->mtime };

	if (futimens(fd, times) < 0)
		return error_sys(err, errno, "cannot set the time of '%s'",
				 e->path);
	return 0;
}

static int normalise_dir(struct normaliser *n, int dirfd, const char *name,
			 const struct tree_entry *e, struct error *err)
{
	autoclose int fd = openat(
		dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t left;
	int unchanged;

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", e->entry.path);
	if (normalise_children(n, fd, e->entry.path, &left, err) < 0)
		return -1;
	if (e->opaque) {
		if (spell_out_opaque(n, fd, e->entry.path, err) < 0)
			return -1;
	} else if (!left) {
		unchanged = dir_is_unchanged(n, &e->entry, err);
		if (unchanged < 0)
			return -1;
		if (unchanged) {
			if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
				return error_sys(err, errno,
						 "cannot remove '%s'",
						 e->entry.path);
			return 1;
		}
	}
	return restore_mtime(fd, &e->entry, err);
}

static int normalise(struct batch *b, int root, struct view *lower, bool *empty,
		     struct error *err)
{
	AUTO(tree_free) struct tree *tree = NULL;
	struct normaliser n = {
		.lower = lower,
		.xattr_prefix = store_overlay_xattr_prefix(batch_store(b)),
	};
	int fd = fcntl(root, F_DUPFD_CLOEXEC, 3);
	size_t left;

	if (fd < 0)
		return error_sys(err, errno, "cannot open a step's result");
	if (tree_new(fd, n.xattr_prefix, &tree, err) < 0)
		return -1;
	n.tree = tree;
	if (normalise_children(&n, root, "", &left, err) < 0)
		return -1;
	*empty = !left;
	return 0;
}

/* Put the directory where a snapshot has its tree; the snapshot's name. */
static char *wrap_in_snapshot(struct batch *b, const char *name,
			      struct error *err)
{
	autofree char *folder = batch_fresh_name(b, "step", err);
	autofree char *inside = NULL;

	if (!folder)
		return NULL;
	if (asprintf(&inside, "%s/fs", folder) < 0) {
		inside = NULL;
		error_nomem(err, "making a layer");
		return NULL;
	}
	if (mkdirat(batch_fd(b), folder, 0700) < 0 ||
	    renameat(batch_fd(b), name, batch_fd(b), inside) < 0) {
		error_sys(err, errno, "cannot keep a step's result");
		return NULL;
	}
	return steal_pointer(&folder);
}

/* Unique: the batch's own random name, and the folder's name in it. */
static char *snapshot_id(struct batch *b, const char *folder, struct error *err)
{
	const char *batch = strrchr(batch_path(b), '/');
	char *id;

	if (asprintf(&id, "%s-%s", batch ? batch + 1 : "x", folder) >= 0)
		return id;
	error_nomem(err, "making a layer");
	return NULL;
}

static int adopt(struct batch *b, const char *name, struct layer **ret,
		 struct error *err)
{
	autofree char *folder = wrap_in_snapshot(b, name, err);
	autofree char *id = folder ? snapshot_id(b, folder, err) : NULL;
	struct layer *l;

	if (!id ||
	    batch_add_object(b, folder, snapshot_path(id, "").text, err) < 0 ||
	    layer_alloc(b, &l, err) < 0)
		return -1;
	l->snapshot = steal_pointer(&id);
	*ret = l;
	return 0;
}

int layer_from_upper(struct batch *b, const char *name, struct view *lower,
		     struct layer **ret, bool *empty, struct error *err)
{
	autoclose int root =
		openat(batch_fd(b), name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (root < 0)
		return error_sys(err, errno, "cannot open a step's result");
	if (normalise(b, root, lower, empty, err) < 0)
		return error_wrap(err, "making a layer");
	if (*empty)
		return layer_empty(b, ret, err);
	return adopt(b, name, ret, err);
}
