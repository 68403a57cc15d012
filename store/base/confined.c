#include "store/base/confined.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "store/base/cleanup.h"
#include "store/base/confined_walk.h"

/* A rename anywhere on the machine may disturb openat2's "..". */
#define AGAIN_MAX 16

enum back_end { BACK_END_UNKNOWN, BACK_END_OPENAT2, BACK_END_WALK };

/*
 * The one writable global here: whether this process may use a system call is
 * a fact about the process, and the same for all of its threads.
 */
static atomic_int back_end = BACK_END_UNKNOWN;

static int openat2_in_root(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE
				? mode & 07777
				: 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Filters answer ENOSYS or EPERM; a real EPERM must not look like one. */
static enum back_end probe_back_end(void)
{
	autoclose int fd = -1;

	if (getenv("SHALE_NO_OPENAT2"))
		return BACK_END_WALK;
	fd = openat2_in_root(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	return fd >= 0 ? BACK_END_OPENAT2 : BACK_END_WALK;
}

static bool may_use_openat2(void)
{
	int known = atomic_load(&back_end);

	if (known == BACK_END_UNKNOWN) {
		int none = BACK_END_UNKNOWN;

		known = probe_back_end();
		if (!atomic_compare_exchange_strong(&back_end, &none, known))
			known = none; /* disabled meanwhile: that counts */
	}
	return known == BACK_END_OPENAT2;
}

void confined_disable_openat2(void)
{
	atomic_store(&back_end, BACK_END_WALK);
}

/* A descriptor, or -1 with errno set. */
static int open_in_root(int root, const char *path, int flags, mode_t mode)
{
	int attempt, fd;

	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* openat2 refuses what open(2) ignores beside O_PATH. */
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
	if (!path[0])
		path = ".";
	for (attempt = 0; attempt < AGAIN_MAX && may_use_openat2(); attempt++) {
		fd = openat2_in_root(root, path, flags, mode);
		if (fd >= 0 ||
		    (errno != EAGAIN && errno != EINTR && errno != ENOSYS))
			return fd;
		if (errno == ENOSYS)
			confined_disable_openat2();
	}
	return confined_walk_open(root, path, flags, mode);
}

int confined_open(int root, const char *path, int flags, mode_t mode,
		  struct error *err)
{
	int fd = open_in_root(root, path, flags, mode);

	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", path) : fd;
}

int confined_open_parent(int root, const char *path, const char **name,
			 struct error *err)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	autofree char *parent = strndup(path, (size_t)(last - path));
	int fd;

	if (!parent)
		return error_nomem(err, "opening a directory");
	if (!last[0] || !strcmp(last, ".") || !strcmp(last, ".."))
		return error_sys(err, EINVAL, "'%s' names no file", path);
	fd = open_in_root(root, parent, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'",
				 parent[0] ? parent : "/");
	*name = last;
	return fd;
}

int confined_make_dirs(int root, const char *path, mode_t mode, uid_t uid,
		       gid_t gid, struct error *err)
{
	int fd = open_in_root(root, path, O_PATH | O_DIRECTORY, 0);

	if (fd < 0 && errno == ENOENT)
		fd = confined_walk_make_dirs(root, path, mode, uid, gid);
	return fd < 0 ? error_sys(err, errno, "cannot make directory '%s'",
				  path)
		      : fd;
}
