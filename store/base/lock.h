/*
 * Advisory locks (flock) on files and directories. A lock belongs to the
 * descriptor: closing it, or dying, releases it. Descriptors are
 * close-on-exec, so no program we run inherits a lock; a forked child that
 * does not exec would.
 */
#ifndef STORE_BASE_LOCK_H
#define STORE_BASE_LOCK_H

#include <sys/types.h>

#include "store/base/cancel.h"
#include "store/base/error.h"

enum lock_flags {
	LOCK_SHARED = 0,
	LOCK_EXCLUSIVE = 1 << 0,
	LOCK_TRY = 1 << 1,    /* do not wait */
	LOCK_CREATE = 1 << 2, /* make the file (0600) when absent */
};

/*
 * Open `path` below `dirfd` (a path of our own; the last component is not
 * followed) and lock it. What is returned is locked and still the file of
 * that name. The caller closes it. Waiting ends with ERROR_CANCELED when
 * `cancel` (may be NULL) triggers. With LOCK_TRY a lock held by another is
 * -1 with err->sys EWOULDBLOCK.
 */
int lock_open(int dirfd, const char *path, enum lock_flags flags,
	      const struct cancel *cancel, struct error *err);

/* The same; when `timeout_ms` are over, as with LOCK_TRY. -1: wait on. */
int lock_open_within(int dirfd, const char *path, enum lock_flags flags,
		     int timeout_ms, const struct cancel *cancel,
		     struct error *err);

/* Lock what `fd` is; `what` names it in messages. Errors as above. */
int lock_fd(int fd, enum lock_flags flags, const char *what,
	    const struct cancel *cancel, struct error *err);

/* Let go of the lock and keep the descriptor. */
void lock_release(int fd);

#endif
