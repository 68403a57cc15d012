/* From entries to files. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store/base/io.h"
#include "store/base/path.h"
#include "store/resolve.h"
#include "store/tree_attrs.h"
#include "store/tree_private.h"

/* The place an entry goes to. */
struct place {
	struct tree *t;
	const struct entry *e;
	const char *path; /* with all links in parents resolved */
	const char *name; /* its last component */
	int dirfd;	  /* of its parent; gone after dir_stack_open() */
};

static int remember_time(struct tree *t, const char *path,
			 struct timespec mtime, struct error *err)
{
	char *copy;

	if (t->n_times == t->times_capacity) {
		size_t more = t->times_capacity ? t->times_capacity * 2 : 64;
		struct tree_dir_time *times =
			realloc(t->times, more * sizeof(*times));

		if (!times)
			return error_nomem(err, "writing a tree");
		t->times = times;
		t->times_capacity = more;
	}
	copy = strdup(path);
	if (!copy)
		return error_nomem(err, "writing a tree");
	t->times[t->n_times++] = (struct tree_dir_time){ copy, mtime };
	return 0;
}

static int put_error(const struct place *p, struct error *err)
{
	return error_sys(err, errno, "cannot create '%.200s'", p->path);
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* What is at the place already? 1, 0 for nothing, -1. */
static int look(const struct place *p, struct stat *st, struct error *err)
{
	if (fstatat(p->dirfd, p->name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return error_sys(err, errno, "cannot examine '%.200s'", p->path);
}

/* Remove what is at the place. Directories may be held open, so reopen. */
static int make_free(struct place *p, struct error *err)
{
	const char *name;

	if (unlinkat(p->dirfd, p->name, 0) == 0 || errno == ENOENT)
		return 0;
	if (io_remove_tree(p->dirfd, p->name, err) < 0)
		return error_wrap(err, "replacing '%.200s'", p->path);
	dir_stack_forget(&p->t->dirs);
	p->dirfd = tree_open_parent(p->t, p->path, &name, err);
	return p->dirfd < 0 ? -1 : 0;
}

static int mark_opaque(const struct place *p, struct error *err)
{
	struct tree_file f = { .dirfd = p->dirfd, .name = p->name, .fd = -1 };
	char name[64];

	snprintf(name, sizeof(name), "%soverlay.opaque", p->t->xattr_prefix);
	if (tree_xattr_set(&f, name, "y", 1, err) < 0)
		return error_wrap(err, "hiding what lies below '%.200s'",
				  p->path);
	return 0;
}

static int set_dir_attrs(const struct place *p, bool existed, struct error *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	autoclose int fd = openat(p->dirfd, p->name, flags);
	struct tree_file f = { .dirfd = p->dirfd, .name = p->name, .fd = fd };

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%.200s'", p->path);
	if (existed && tree_drop_xattrs(&f, p->e, err) < 0)
		return -1;
	if (tree_set_fd_attrs(&f, p->e, err) < 0)
		return -1;
	return remember_time(p->t, p->path, p->e->mtime, err);
}

static int put_dir(struct place *p, struct stream *contents, struct error *err)
{
	struct stat st;
	int found = look(p, &st, err);
	bool existed, hides;

	(void)contents;
	if (found < 0)
		return -1;
	existed = found && S_ISDIR(st.st_mode);
	/* Gone below, there again here: nothing shines through. */
	hides = found && is_whiteout(&st);
	if (!existed) {
		if (found && make_free(p, err) < 0)
			return -1;
		if (mkdirat(p->dirfd, p->name, 0700) < 0)
			return put_error(p, err);
	}
	if (hides && mark_opaque(p, err) < 0)
		return -1;
	return set_dir_attrs(p, existed, err);
}

/* Open the file anew; what was there goes. */
static int create_file(struct place *p, struct error *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(p->dirfd, p->name, flags, 0600);

	if (fd < 0 && errno == EEXIST) {
		if (make_free(p, err) < 0)
			return -1;
		fd = openat(p->dirfd, p->name, flags, 0600);
	}
	return fd < 0 ? put_error(p, err) : fd;
}

/* Move over a hole: 1 when there was one, 0, -1. */
static int copy_hole(const struct place *p, int fd, struct stream *contents,
		     off_t *size, struct error *err)
{
	uint64_t hole;

	if (stream_skip_hole(contents, &hole, err) < 0)
		return -1;
	if (hole == 0)
		return 0;
	*size += (off_t)hole;
	if (lseek(fd, *size, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot write '%.200s'", p->path);
	return 1;
}

static int fill_file(const struct place *p, int fd, struct stream *contents,
		     struct error *err)
{
	bool ends_in_hole = false;
	off_t size = 0;

	for (;;) {
		int hole = copy_hole(p, fd, contents, &size, err);
		ssize_t n;

		if (hole < 0)
			return -1;
		ends_in_hole |= hole > 0;
		n = stream_read(contents, p->t->buffer, TREE_BUFFER, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		if (io_write(fd, p->t->buffer, (size_t)n, p->path, err) < 0)
			return -1;
		size += n;
		ends_in_hole = false;
	}
	if (ends_in_hole && ftruncate(fd, size) < 0)
		return error_sys(err, errno, "cannot write '%.200s'", p->path);
	return 0;
}

static int put_file(struct place *p, struct stream *contents, struct error *err)
{
	autoclose int fd = create_file(p, err);
	struct tree_file f = { .dirfd = p->dirfd, .name = p->name, .fd = fd };

	if (fd < 0 || (contents && fill_file(p, fd, contents, err) < 0) ||
	    tree_set_fd_attrs(&f, p->e, err) < 0)
		return -1;
	/* A full disk or quota may only show up here. */
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%.200s'", p->path);
	return 0;
}

static int set_name_attrs(const struct place *p, struct error *err)
{
	struct tree_file f = { .dirfd = p->dirfd, .name = p->name, .fd = -1 };

	return tree_set_name_attrs(&f, p->e, err);
}

static int put_symlink(struct place *p, struct stream *contents,
		       struct error *err)
{
	(void)contents;
	if (make_free(p, err) < 0)
		return -1;
	if (symlinkat(p->e->link, p->dirfd, p->name) < 0)
		return put_error(p, err);
	return set_name_attrs(p, err);
}

/* An empty file that says which device it stands for. */
static int put_placeholder(struct place *p, struct error *err)
{
	struct tree_file f;
	char note[64];
	int fd = create_file(p, err);

	if (fd < 0)
		return -1;
	close(fd);
	snprintf(note, sizeof(note), "%c %u:%u",
		 p->e->type == ENTRY_BLOCK ? 'b' : 'c', p->e->dev_major,
		 p->e->dev_minor);
	f = (struct tree_file){ .dirfd = p->dirfd, .name = p->name, .fd = -1 };
	if (tree_xattr_set(&f, TREE_NOTE_NODE, note, strlen(note), err) < 0)
		return error_wrap(err,
				  "the device '%.200s' cannot be made here, "
				  "nor a note of it",
				  p->path);
	return set_name_attrs(p, err);
}

static int put_node(struct place *p, struct stream *contents, struct error *err)
{
	dev_t device = makedev(p->e->dev_major, p->e->dev_minor);
	mode_t type = p->e->type == ENTRY_FIFO	  ? S_IFIFO
		      : p->e->type == ENTRY_BLOCK ? S_IFBLK
						  : S_IFCHR;

	(void)contents;
	if (make_free(p, err) < 0)
		return -1;
	/* As a real device this one would be overlay's whiteout. */
	if (type == S_IFCHR && device == 0)
		return put_placeholder(p, err);
	if (mknodat(p->dirfd, p->name, type | 0600,
		    type == S_IFIFO ? 0 : device) < 0) {
		if (errno == EPERM && type != S_IFIFO)
			return put_placeholder(p, err);
		return put_error(p, err);
	}
	return set_name_attrs(p, err);
}

static int put_whiteout(struct place *p, struct stream *contents,
			struct error *err)
{
	struct stat st;
	int found = look(p, &st, err);

	(void)contents;
	if (found < 0)
		return -1;
	if (found && S_ISDIR(st.st_mode))
		return mark_opaque(p, err);
	/* Any other file of this layer hides what lies below it anyway. */
	if (found)
		return 0;
	if (mknodat(p->dirfd, p->name, S_IFCHR, makedev(0, 0)) < 0)
		return error_sys(err, errno,
				 "cannot store the deletion of '%.200s' (as a "
				 "user this needs Linux 5.8)",
				 p->path);
	return 0;
}

static int resolve_look(void *ctx, const char *path, enum resolve_kind *kind,
			char **target, struct error *err)
{
	AUTO(tree_entry_release) struct tree_entry e = { 0 };

	*kind = RESOLVE_ABSENT;
	if (tree_stat(ctx, path, &e, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	/* A name that was deleted below may become a directory here. */
	if (e.entry.type == ENTRY_WHITEOUT)
		return 0;
	*kind = e.entry.type == ENTRY_DIR ? RESOLVE_DIR : RESOLVE_OTHER;
	if (e.entry.type == ENTRY_SYMLINK) {
		*kind = RESOLVE_LINK;
		*target = strdup(e.entry.link);
		if (!*target)
			return error_nomem(err, "following a link");
	}
	return 0;
}

/* The first `len` bytes of `path` with links resolved inside the tree. */
static char *resolve_in_tree(struct tree *t, const char *path, size_t len,
			     struct error *err)
{
	const struct resolver r = { .look = resolve_look,
				    .ctx = t,
				    .strict = t->links == TREE_LINKS_REFUSE };
	autofree char *part = strndup(path, len);

	if (!part) {
		error_nomem(err, "following links");
		return NULL;
	}
	return resolve_path(&r, part, true, err);
}

/* Make the directory `path` as one that no entry told of. */
static int make_implied_dir(struct tree *t, const char *path, struct error *err)
{
	const struct entry e = { .path = path,
				 .type = ENTRY_DIR,
				 .mode = 0755 };
	struct place p = { .t = t, .e = &e, .path = path };
	struct stat st;
	int found;

	p.dirfd = tree_open_parent(t, path, &p.name, err);
	found = p.dirfd < 0 ? -1 : look(&p, &st, err);
	if (found < 0)
		return -1;
	/* A name deleted below may be used again; a file is in the way. */
	if (found && !is_whiteout(&st))
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' is not a directory", path);
	return put_dir(&p, NULL, err);
}

/* Make those of the directories on the way to `path` that are missing. */
static int make_dirs(struct tree *t, char *path, struct error *err)
{
	char *end = path;

	while (*end) {
		char *slash = strchrnul(end + 1, '/');
		char saved = *slash;
		int status;

		*slash = '\0';
		status = dir_stack_open(&t->dirs, path, strlen(path), err);
		if (status < 0 && (err->sys == ENOENT || err->sys == ENOTDIR)) {
			error_clear(err);
			status = make_implied_dir(t, path, err);
		}
		*slash = saved;
		if (status < 0)
			return -1;
		end = slash;
	}
	return 0;
}

/*
 * Find the place of `path`: where its parent is an ordinary directory, there;
 * else links are resolved and missing directories made. `*resolved` owns the
 * path in that case.
 */
static int find_place(struct place *p, const char *path, char **resolved,
		      struct error *err)
{
	struct buf whole = BUF_INIT;
	autofree char *parent = NULL;

	p->path = path;
	p->dirfd = tree_open_parent(p->t, path, &p->name, err);
	if (p->dirfd >= 0)
		return 0;
	if (err->sys != ENOENT && err->sys != ENOTDIR)
		return -1;
	error_clear(err);
	parent = resolve_in_tree(p->t, path, (size_t)(p->name - path), err);
	if (!parent || make_dirs(p->t, parent, err) < 0)
		return -1;
	buf_printf(&whole, "%s%s%s", parent, *parent ? "/" : "", p->name);
	*resolved = buf_steal_checked(&whole, "writing a tree", err);
	if (!*resolved)
		return -1;
	p->path = *resolved;
	p->dirfd = tree_open_parent(p->t, p->path, &p->name, err);
	return p->dirfd < 0 ? -1 : 0;
}

/* Where the target of a hard link is, its own links in parents resolved. */
static char *find_target(struct tree *t, const struct entry *e,
			 struct error *err)
{
	const char *base = path_base(e->link);
	autofree char *parent =
		resolve_in_tree(t, e->link, (size_t)(base - e->link), err);
	struct buf whole = BUF_INIT;

	if (!parent)
		return NULL;
	buf_printf(&whole, "%s%s%s", parent, *parent ? "/" : "", base);
	return buf_steal_checked(&whole, "writing a tree", err);
}

static int link_error(const struct place *p, int sys, struct error *err)
{
	if (sys == ENOENT || sys == ENOTDIR || sys == EPERM)
		return error_set(err, ERROR_REFUSED,
				 "hard link '%.200s' names '%.200s', which is "
				 "no file of the same archive",
				 p->e->path, p->e->link);
	return error_sys(err, sys, "cannot link '%.200s' to '%.200s'",
			 p->e->path, p->e->link);
}

static bool is_same_file(int a_dir, const char *a, int b_dir, const char *b)
{
	struct stat a_st, b_st;

	return fstatat(a_dir, a, &a_st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_dir, b, &b_st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a_st.st_dev == b_st.st_dev && a_st.st_ino == b_st.st_ino;
}

/*
 * The target's directory is held by a descriptor of its own while the place
 * may move. A name that is the file already stays as it is: removing it first
 * could remove the last name.
 */
static int put_hardlink(struct place *p, struct stream *contents,
			struct error *err)
{
	autofree char *target = find_target(p->t, p->e, err);
	autoclose int target_dir = -1;
	const char *name;
	int fd;

	(void)contents;
	if (!target)
		return -1;
	fd = tree_open_parent(p->t, target, &name, err);
	if (fd < 0)
		return link_error(p, err->sys, err);
	target_dir = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	p->dirfd = tree_open_parent(p->t, p->path, &p->name, err);
	if (target_dir < 0 || p->dirfd < 0)
		return target_dir < 0 ? put_error(p, err) : -1;
	if (linkat(target_dir, name, p->dirfd, p->name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return link_error(p, errno, err);
	if (is_same_file(target_dir, name, p->dirfd, p->name))
		return 0;
	if (make_free(p, err) < 0)
		return -1;
	if (linkat(target_dir, name, p->dirfd, p->name, 0) < 0)
		return link_error(p, errno, err);
	return 0;
}

/* Of the root itself, or of a directory that may have no entry of its own. */
static int put_opaque(struct tree *t, const char *path, struct error *err)
{
	autofree char *resolved = resolve_in_tree(t, path, strlen(path), err);
	struct place p = { .t = t, .path = resolved, .name = "" };

	if (!resolved || make_dirs(t, resolved, err) < 0)
		return -1;
	p.dirfd = dir_stack_open(&t->dirs, resolved, strlen(resolved), err);
	return p.dirfd < 0 ? -1 : mark_opaque(&p, err);
}

typedef int put_fn(struct place *p, struct stream *contents, struct error *err);

static put_fn *const put_fns[] = {
	[ENTRY_FILE] = put_file,       [ENTRY_DIR] = put_dir,
	[ENTRY_SYMLINK] = put_symlink, [ENTRY_HARDLINK] = put_hardlink,
	[ENTRY_CHAR] = put_node,       [ENTRY_BLOCK] = put_node,
	[ENTRY_FIFO] = put_node,       [ENTRY_WHITEOUT] = put_whiteout,
};

int tree_put(struct tree *t, const struct entry *e, struct stream *contents,
	     struct error *err)
{
	struct place p = { .t = t, .e = e };
	autofree char *resolved = NULL;

	if (!t->buffer)
		t->buffer = malloc(TREE_BUFFER);
	if (!t->buffer)
		return error_nomem(err, "writing a tree");
	if (e->type == ENTRY_OPAQUE)
		return put_opaque(t, e->path, err);
	if (find_place(&p, e->path, &resolved, err) < 0)
		return error_wrap(err, "extracting '%.200s'", e->path);
	return put_fns[e->type](&p, contents, err);
}

static int set_time(struct tree *t, const struct tree_dir_time *d,
		    struct error *err)
{
	const struct timespec times[2] = { d->mtime, d->mtime };
	const char *name;
	int dirfd = tree_open_parent(t, d->path, &name, err);
	struct stat st;

	/* What has become of a directory that was replaced is no matter. */
	if (dirfd < 0 || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode)) {
		error_clear(err);
		return 0;
	}
	if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot set the time of '%.200s'",
				 d->path);
	return 0;
}

int tree_finish(struct tree *t, struct error *err)
{
	size_t i;

	for (i = 0; i < t->n_times; i++)
		if (set_time(t, &t->times[i], err) < 0)
			return -1;
	for (i = 0; i < t->n_times; i++)
		free(t->times[i].path);
	t->n_times = 0;
	return 0;
}
