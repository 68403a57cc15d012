/*
 * Paths inside images and contexts. A root is a descriptor, not a string
 * prefix; every component, symlinks included, is resolved inside it, absolute
 * links meaning that root. openat2(RESOLVE_IN_ROOT) where it works, a walk of
 * the same meaning where it is missing or filtered.
 *
 * Everything that opens such a path goes through this module.
 */
#ifndef STORE_BASE_CONFINED_H
#define STORE_BASE_CONFINED_H

#include <sys/types.h>

#include "store/base/error.h"

/*
 * Open `path` inside `root` with open(2) `flags` (O_CLOEXEC is added) and
 * `mode` for O_CREAT. "" and "/" mean the root itself. The last component is
 * followed unless O_NOFOLLOW is given; with O_PATH | O_NOFOLLOW a link itself
 * can be held. Returns a descriptor, or -1 with errno's value in err->sys.
 */
int confined_open(int root, const char *path, int flags, mode_t mode,
		  struct error *err);

/*
 * Open the directory that holds the last component of `path` and return its
 * descriptor (O_PATH); `*name` is set to that component inside `path`.
 * Missing parents are ENOENT. A path that ends in no name ("", "a/", "a/..")
 * is refused (EINVAL).
 */
int confined_open_parent(int root, const char *path, const char **name,
			 struct error *err);

/*
 * mkdir -p inside the root, following links, dangling ones too; new directories
 * get `mode` whatever the umask and, unless -1, `uid` and `gid`. Existing ones
 * are left alone. Returns an O_PATH descriptor of the last directory.
 */
int confined_make_dirs(int root, const char *path, mode_t mode, uid_t uid,
		       gid_t gid, struct error *err);

/*
 * For tests and old kernels: never use openat2 in this process from now on.
 * The environment variable SHALE_NO_OPENAT2 does the same.
 */
void confined_disable_openat2(void);

#endif
