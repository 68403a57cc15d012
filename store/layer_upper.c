/*
 * The result of a step: an overlay upper directory made into a tree that
 * stands for itself, without what only the mount needed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "store/base/array.h"
#include "store/base/io.h"
#include "store/layer_internal.h"
#include "store/tree.h"
#include "store/view.h"

/* Bytes compared at a time. */
#define CHUNK ((size_t)64 << 10)

/* A directory of the upper that is being walked. */
struct frame {
	struct timespec mtime; /* as it was before we changed anything */
	bool changed;
	bool below; /* the lower root has a directory here, too */
	bool hides; /* nothing of that one shows through */
	bool drop;  /* when nothing is left in it: it was only copied up */
	size_t kept;
};

struct normaliser {
	struct view *lower;
	const char *xattr_prefix;
	struct frame *frames; /* the root's and those of the current path */
	size_t depth;
	size_t capacity;
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
	if (e->size != l->size)
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

static int mark_removed(int fd, const char *path, const char *name,
			struct error *err)
{
	/* EEXIST: the upper has something else there, or the mark. */
	if (mknodat(fd, name, S_IFCHR, makedev(0, 0)) == 0 || errno == EEXIST)
		return 0;
	return error_sys(err, errno, "cannot mark '%s/%s' as removed", path,
			 name);
}

/* Whiteouts for what the lower directory has and the upper `fd` has not. */
static int spell_out(const struct normaliser *n, int fd, const char *path,
		     struct error *err)
{
	AUTO(strv_release) struct strv names = STRV_INIT;
	size_t i;

	if (view_list(n->lower, path, &names, err) < 0)
		return -1;
	for (i = 0; i < names.len; i++)
		if (mark_removed(fd, path, names.items[i], err) < 0)
			return -1;
	return 0;
}

static int remove_opaque_mark(const struct normaliser *n, int fd,
			      const char *path, struct error *err)
{
	char mark[64];

	snprintf(mark, sizeof(mark), "%soverlay.opaque", n->xattr_prefix);
	if (fremovexattr(fd, mark) < 0 && errno != ENODATA && errno != ENOTSUP)
		return error_sys(err, errno, "cannot change '%s'", path);
	return 0;
}

/*
 * A directory that hides the lower one says so name by name, OCI's preferred
 * form, and stands without the mark. What was made inside it carries no mark
 * of its own, but hides just as much: without the outer mark, a lower
 * directory of the same name would show through.
 */
static int make_explicit(const struct normaliser *n, int dirfd,
			 const char *name, const char *path, bool below,
			 struct error *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	autoclose int fd = openat(dirfd, name, flags);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (below && spell_out(n, fd, path, err) < 0)
		return -1;
	return remove_opaque_mark(n, fd, path, err);
}

static int push_frame(struct normaliser *n, struct frame frame,
		      struct error *err)
{
	struct frame *frames =
		array_room(n->frames, n->depth, &n->capacity, sizeof(*frames));

	if (!frames)
		return error_nomem(err, "making a layer");
	n->frames = frames;
	n->frames[n->depth++] = frame;
	return 0;
}

/*
 * What the lower root has at `path`: 1, 0, -1. Asked only where it has the
 * parent directory: below a link, the view would look somewhere else.
 */
static int look_below(const struct normaliser *n, const char *path,
		      struct view_node *ret, struct error *err)
{
	if (!n->frames[n->depth - 1].below)
		return 0;
	return view_lookup(n->lower, path, false, ret, NULL, err);
}

/* A directory as it is below was copied up for something inside it. */
static int enter_dir(struct normaliser *n, const struct tree_entry *e,
		     int dirfd, const char *name, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = look_below(n, e->entry.path, &node, err);
	struct frame frame = { .mtime = e->entry.mtime };

	if (found < 0)
		return -1;
	frame.below = found && node.meta.entry.type == ENTRY_DIR;
	frame.hides = e->opaque || n->frames[n->depth - 1].hides;
	frame.changed = frame.hides;
	frame.drop = !frame.hides && frame.below &&
		     same_attributes(&e->entry, &node.meta.entry);
	if (frame.hides &&
	    make_explicit(n, dirfd, name, e->entry.path, frame.below, err) < 0)
		return -1;
	return push_frame(n, frame, err);
}

static int leave_dir(void *ctx, const char *path, int dirfd, const char *name,
		     struct error *err)
{
	struct normaliser *n = ctx;
	const struct frame frame = n->frames[--n->depth];
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   frame.mtime };

	if (n->depth == 0) {
		n->frames[0] = frame; /* the root's: how much was kept */
		return 0;
	}
	if (frame.drop && frame.kept == 0) {
		n->frames[n->depth - 1].changed = true;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
			return error_sys(err, errno, "cannot remove '%s'",
					 path);
		return 0;
	}
	n->frames[n->depth - 1].kept++;
	if (frame.changed &&
	    utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot set the time of '%s'",
				 path);
	return 0;
}

static int drop_socket(void *ctx, const char *path, int dirfd, const char *name,
		       struct error *err)
{
	struct normaliser *n = ctx;

	n->frames[n->depth - 1].changed = true;
	return remove_file(dirfd, name, path, err);
}

/* Does a file or whiteout say nothing that is not so below? 1, 0, -1. */
static int is_idle(struct normaliser *n, const struct tree_entry *e, int dirfd,
		   const char *name, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = look_below(n, e->entry.path, &node, err);

	if (found < 0)
		return -1;
	if (e->entry.type == ENTRY_WHITEOUT)
		return !found;
	/* A file of several names must stay one file. */
	if (!found || e->n_links > 1 || node.meta.n_links > 1)
		return 0;
	return file_is_unchanged(n, dirfd, name, &e->entry, &node, err);
}

static int visit_upper(void *ctx, const struct tree_entry *e, int dirfd,
		       const char *name, struct error *err)
{
	struct normaliser *n = ctx;
	struct frame *parent = &n->frames[n->depth - 1];
	int idle;

	if (!strncmp(name, ".wh.", 4))
		return error_set(err, ERROR_REFUSED,
				 "'/%s': names that begin with \".wh.\" mean "
				 "deletion in layers and cannot be stored; "
				 "remove the file in the same RUN",
				 e->entry.path);
	if (e->entry.type == ENTRY_DIR)
		return enter_dir(n, e, dirfd, name, err);
	idle = is_idle(n, e, dirfd, name, err);
	if (idle < 0)
		return -1;
	if (!idle) {
		parent->kept++;
		return 0;
	}
	parent->changed = true;
	return remove_file(dirfd, name, e->entry.path, err);
}

static int normalise(struct batch *b, int root, struct view *lower, bool *empty,
		     struct error *err)
{
	AUTO(tree_free) struct tree *tree = NULL;
	struct normaliser n = {
		.lower = lower,
		.xattr_prefix = store_overlay_xattr_prefix(batch_store(b)),
	};
	const struct tree_visitor visitor = { .visit = visit_upper,
					      .socket = drop_socket,
					      .leave = leave_dir,
					      .ctx = &n };
	int fd = fcntl(root, F_DUPFD_CLOEXEC, 3);
	int status;

	if (fd < 0)
		return error_sys(err, errno, "cannot open a step's result");
	if (tree_new(fd, n.xattr_prefix, &tree, err) < 0 ||
	    push_frame(&n, (struct frame){ .below = true }, err) < 0)
		return -1;
	status = tree_walk_with(tree, &visitor, err);
	*empty = status == 0 && n.frames[0].kept == 0;
	free(n.frames);
	return status;
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
