/*
 * Removal of whole trees. A tree may be as deep as a hostile step cared to
 * make it, so neither the call stack nor the number of open descriptors may
 * follow its depth: what lies too deep is first moved up beside the tree.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"

#define DEPTH_MAX 32

struct removal {
	int top;	     /* the directory that holds the tree */
	const char *name;    /* the tree, below `top` */
	unsigned long moved; /* directories moved up so far */
};

static int empty_dir(struct removal *r, int dirfd, unsigned depth,
		     struct error *err);

/*
 * Open a directory to empty it. A mode that locks even its owner out (that of
 * overlay's work directory, say) is corrected.
 */
static int open_dir(int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	int fd = openat(dirfd, name, flags);

	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
		fchmod(fd, 0700);
	if (fd >= 0 || errno != EACCES)
		return fd;
	/* It was a directory a moment ago: EACCES is not said of a link. */
	if (fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return openat(dirfd, name, flags);
}

static char *aside_name(const struct removal *r, unsigned long i)
{
	char *name;

	return asprintf(&name, "%s.deep-%lu", r->name, i) < 0 ? NULL : name;
}

/*
 * Move a directory that lies too deep up to where the tree is; its turn comes
 * once the tree is gone.
 */
static int move_up(struct removal *r, int dirfd, const char *name,
		   struct error *err)
{
	autofree char *aside = NULL;

	do {
		free(steal_pointer(&aside));
		aside = aside_name(r, r->moved++);
		if (!aside)
			return error_nomem(err, "removing a tree");
		if (renameat(dirfd, name, r->top, aside) == 0)
			return 0;
	} while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
	return errno == ENOENT
		       ? 0
		       : error_sys(err, errno, "cannot move '%s' up", name);
}

static int remove_dir(struct removal *r, int dirfd, const char *name,
		      unsigned depth, struct error *err)
{
	autoclose int fd = -1;

	if (depth > DEPTH_MAX)
		return move_up(r, dirfd, name, err);
	fd = open_dir(dirfd, name);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", name);
	if (empty_dir(r, steal_fd(&fd), depth, err) < 0)
		return -1;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", name);
	return 0;
}

static int remove_entry(struct removal *r, int dirfd, const char *name,
			unsigned depth, struct error *err)
{
	int sys;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	sys = errno;
	/* EPERM is what POSIX, ENOTDIR and EISDIR what Linux says. */
	if (sys != EISDIR && sys != EPERM)
		return error_sys(err, sys, "cannot remove '%s'", name);
	return remove_dir(r, dirfd, name, depth, err);
}

/* Remove what the directory `dirfd` (taken) holds. */
static int empty_dir(struct removal *r, int dirfd, unsigned depth,
		     struct error *err)
{
	autodir DIR *dir = fdopendir(dirfd);
	const char *name;
	int rc;

	if (!dir) {
		error_sys(err, errno, "cannot read a directory");
		close(dirfd);
		return -1;
	}
	while ((rc = io_next_entry(dir, "a directory", &name, err)) > 0)
		if (remove_entry(r, dirfd, name, depth + 1, err) < 0)
			return -1;
	return rc;
}

int io_remove_tree(int dirfd, const char *name, struct error *err)
{
	struct removal r = { .top = dirfd, .name = name };
	unsigned long i;

	if (remove_entry(&r, dirfd, name, 0, err) < 0)
		return error_wrap(err, "removing '%s'", name);
	for (i = 0; i < r.moved; i++) {
		autofree char *aside = aside_name(&r, i);

		if (!aside)
			return error_nomem(err, "removing a tree");
		if (remove_entry(&r, dirfd, aside, 0, err) < 0)
			return error_wrap(err, "removing '%s'", name);
	}
	return 0;
}
