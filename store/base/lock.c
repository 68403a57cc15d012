#include "store/base/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>

/* How long a wait that may end early sleeps between two attempts. */
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
 * flock() cannot be waited for together with a descriptor, nor for a time, so
 * a wait that may end early is made of attempts.
 */
static int flock_patiently(int fd, int operation, int timeout_ms,
			   const struct cancel *cancel, struct error *err)
{
	struct pollfd watch = { .fd = cancel ? cancel_fd(cancel) : -1,
				.events = POLLIN };

	for (int64_t waited_ms = 0;; waited_ms += RETRY_MS) {
		if (flock_once(fd, operation | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK ||
		    (timeout_ms >= 0 && waited_ms >= timeout_ms))
			return error_sys(err, errno, "cannot lock");
		if (cancel_check(cancel, err) < 0)
			return -1;
		poll(&watch, 1, RETRY_MS);
	}
}

/* `timeout_ms` -1: none. */
static int lock_fd_within(int fd, enum lock_flags flags, const char *what,
			  int timeout_ms, const struct cancel *cancel,
			  struct error *err)
{
	int operation = flags & LOCK_EXCLUSIVE ? LOCK_EX : LOCK_SH;

	if (flags & LOCK_TRY)
		operation |= LOCK_NB;
	else if (cancel || timeout_ms >= 0)
		return flock_patiently(fd, operation, timeout_ms, cancel, err) <
				       0
			       ? error_wrap(err, "waiting for '%s'", what)
			       : 0;
	if (flock_once(fd, operation) < 0)
		return error_sys(err, errno, "cannot lock '%s'", what);
	return 0;
}

int lock_fd(int fd, enum lock_flags flags, const char *what,
	    const struct cancel *cancel, struct error *err)
{
	return lock_fd_within(fd, flags, what, -1, cancel, err);
}

/* Is `fd` still what `path` names? It may be removed while we waited. */
static bool is_same_file(int fd, int dirfd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 &&
	       fstatat(dirfd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

int lock_open_within(int dirfd, const char *path, enum lock_flags flags,
		     int timeout_ms, const struct cancel *cancel,
		     struct error *err)
{
	int open_flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	if (flags & LOCK_CREATE)
		open_flags |= O_CREAT;
	for (;;) {
		autoclose int fd = openat(dirfd, path, open_flags, 0600);

		if (fd < 0)
			return error_sys(err, errno, "cannot open '%s'", path);
		if (lock_fd_within(fd, flags, path, timeout_ms, cancel, err) <
		    0)
			return -1;
		if (is_same_file(fd, dirfd, path))
			return steal_fd(&fd);
	}
}

int lock_open(int dirfd, const char *path, enum lock_flags flags,
	      const struct cancel *cancel, struct error *err)
{
	return lock_open_within(dirfd, path, flags, -1, cancel, err);
}

void lock_release(int fd)
{
	flock_once(fd, LOCK_UN);
}
