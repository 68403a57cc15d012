/* From entries to files. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store/base/io.h"
#include "store/base/path.h"
#include "store/tree_attrs.h"
#include "store/tree_place.h"

/* Open the file anew; what was there goes. */
static int create_file(struct place *p, struct error *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	mode_t mode = p->e->mode & 0777;
	int fd = openat(p->dirfd, p->name, flags, mode);

	if (fd < 0 && errno == EEXIST) {
		if (tree_make_free(p, err) < 0)
			return -1;
		fd = openat(p->dirfd, p->name, flags, mode);
	}
	return fd < 0 ? tree_put_error(p, err) : fd;
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
	if (symlinkat(p->e->link, p->dirfd, p->name) == 0)
		return set_name_attrs(p, err);
	if (errno == EEXIST && tree_make_free(p, err) < 0)
		return -1;
	if (symlinkat(p->e->link, p->dirfd, p->name) < 0)
		return tree_put_error(p, err);
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
	if (tree_make_free(p, err) < 0)
		return -1;
	/* As a real device this one would be overlay's whiteout. */
	if (type == S_IFCHR && device == 0)
		return put_placeholder(p, err);
	if (mknodat(p->dirfd, p->name, type | 0600,
		    type == S_IFIFO ? 0 : device) < 0) {
		if (errno == EPERM && type != S_IFIFO)
			return put_placeholder(p, err);
		return tree_put_error(p, err);
	}
	return set_name_attrs(p, err);
}

static int put_whiteout(struct place *p, struct stream *contents,
			struct error *err)
{
	struct stat st;
	int found = tree_look(p, &st, err);

	(void)contents;
	if (found < 0)
		return -1;
	if (found && S_ISDIR(st.st_mode))
		return tree_mark_opaque(p, err);
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

/* Where the target of a hard link is, its own links in parents resolved. */
static char *find_target(struct tree *t, const struct entry *e,
			 struct error *err)
{
	const char *base = path_base(e->link);
	autofree char *parent =
		tree_resolve(t, e->link, (size_t)(base - e->link), err);
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
	fd = dir_stack_open_parent(&p->t->dirs, target, &name, err);
	if (fd < 0)
		return link_error(p, err->sys, err);
	target_dir = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	p->dirfd = dir_stack_open_parent(&p->t->dirs, p->path, &p->name, err);
	if (target_dir < 0 || p->dirfd < 0)
		return target_dir < 0 ? tree_put_error(p, err) : -1;
	if (linkat(target_dir, name, p->dirfd, p->name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return link_error(p, errno, err);
	if (is_same_file(target_dir, name, p->dirfd, p->name))
		return 0;
	if (tree_make_free(p, err) < 0)
		return -1;
	if (linkat(target_dir, name, p->dirfd, p->name, 0) < 0)
		return link_error(p, errno, err);
	return 0;
}

/* Of the root itself, or of a directory that may have no entry of its own. */
static int put_opaque(struct tree *t, const char *path, struct error *err)
{
	autofree char *resolved = tree_resolve(t, path, strlen(path), err);
	struct place p = { .t = t, .path = resolved, .name = "" };

	if (!resolved || tree_make_dirs(t, resolved, err) < 0)
		return -1;
	p.dirfd = dir_stack_open(&t->dirs, resolved, strlen(resolved), err);
	return p.dirfd < 0 ? -1 : tree_mark_opaque(&p, err);
}

typedef int put_fn(struct place *p, struct stream *contents, struct error *err);

static put_fn *const put_fns[] = {
	[ENTRY_FILE] = put_file,       [ENTRY_DIR] = tree_put_dir,
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
	if (tree_find_place(&p, e->path, &resolved, err) < 0)
		return error_wrap(err, "extracting '%.200s'", e->path);
	return put_fns[e->type](&p, contents, err);
}

static int set_time(struct tree *t, const struct tree_dir_time *d,
		    struct error *err)
{
	const struct timespec times[2] = { d->mtime, d->mtime };
	const char *name;
	int dirfd = dir_stack_open_parent(&t->dirs, d->path, &name, err);
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
