/*
 * Path lookup inside a root, one component at a time: what confined.c does
 * where openat2 cannot be had. Nobody else includes this.
 */
#ifndef STORE_BASE_CONFINED_WALK_H
#define STORE_BASE_CONFINED_WALK_H

#include <sys/types.h>

/*
 * As openat2(RESOLVE_IN_ROOT): a descriptor, or -1 with errno set. Links
 * inside procfs are followed by their text, which stays in the root too.
 */
int confined_walk_open(int root, const char *path, int flags, mode_t mode);

/*
 * Open a directory (O_PATH), making what is missing on the way; see
 * confined_make_dirs(). A descriptor, or -1 with errno set.
 */
int confined_walk_make_dirs(int root, const char *path, mode_t mode, uid_t uid,
			    gid_t gid);

#endif
