#include "store/base/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>

/* How long a cancellable wait sleeps between two attempts. */
#define RETRY_MS 20

static int flock_once(int fd, int operation)
{
	int ret;

	do
		ret = flock(fd, operation);
	while (ret < 0 && errno == EINTR);
	return ret;
}

/*
 * flock() cannot be waited for together with a descriptor, so a wait that
 * may be cancelled is made of attempts.
 */
static int flock_cancellable(int fd, int operation, const struct cancel *cancel,
			     struct error *err)
{
	struct pollfd watch = { .fd = cancel_fd(cancel), .events = POLLIN };

	for (;;) {
		if (flock_once(fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return error_sys(err, errno, "cannot lock");
		if (cancel_check(cancel, err) < 0)
			return -1;
		poll(&watch, 1, RETRY_MS);
	}
}

int lock_fd(int fd, enum lock_flags flags, const char *what,
	    const struct cancel *cancel, struct error *err)
{
	int operation = flags & LOCK_EXCLUSIVE ? LOCK_EX : LOCK_SH;

	if (flags & LOCK_TRY)
		operation |= LOCK_NB;
	else if (cancel)
		return flock_cancellable(fd, operation, cancel, err) < 0
			       ? error_wrap(err, "waiting for '%s'", what)
			       : 0;
	if (flock_once(fd, operation) < 0)
		return error_sys(err, errno, "cannot lock '%s'", what);
	return 0;
}

/* Is `fd` still what `path` names? It may be removed while we waited. */
static bool is_same_file(int fd, int dirfd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 &&
	       fstatat(dirfd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

int lock_open(int dirfd, const char *path, enum lock_flags flags,
	      const struct cancel *cancel, struct error *err)
{
	int open_flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	if (flags & LOCK_CREATE)
		open_flags |= O_CREAT;
	for (;;) {
		autoclose int fd = openat(dirfd, path, open_flags, 0600);

		if (fd < 0)
			return error_sys(err, errno, "cannot open '%s'", path);
		if (lock_fd(fd, flags, path, cancel, err) < 0)
			return -1;
		if (is_same_file(fd, dirfd, path))
			return steal_fd(&fd);
	}
}

void lock_release(int fd)
{
	flock_once(fd, LOCK_UN);
}
