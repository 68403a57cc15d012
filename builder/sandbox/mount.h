/*
 * Mounting inside a root that is a descriptor. The new mount API (fsopen,
 * open_tree, move_mount: Linux 5.2, mount_setattr: 5.12) where it works,
 * else mount(2) on /proc/self/fd paths.
 */
#ifndef BUILDER_SANDBOX_MOUNT_H
#define BUILDER_SANDBOX_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include "store/base/error.h"

struct fs_option {
	const char *key;
	const char *value; /* NULL: a flag */
	bool optional;	   /* kernels that do not know it do without */
};

/* Where to mount: `path` inside `root`, links followed there only. */
struct mount_target {
	int root;
	const char *path;
	bool is_link_refused; /* the last component must not be a link */
};

/* Can this process use the new mount API? SHALE_NO_FSOPEN=1 denies it. */
bool mount_api_works(void);

/*
 * Make a file system of `type` and mount it with MOUNT_ATTR_* `attrs`.
 * Returns a descriptor of its root, O_PATH-like, or -1 with the errno in
 * err->sys. `legacy` asks for mount(2).
 */
int mount_fs(bool legacy, const char *type, const struct fs_option *options,
	     size_t n_options, uint64_t attrs,
	     const struct mount_target *target, struct error *err);

/*
 * A private, detached copy of the mount at `path` below `dirfd` ("" for
 * dirfd itself), to be attached in this or another mount namespace. New API
 * only. Returns its descriptor; it is gone when that is closed unattached.
 */
int mount_detached_copy(int dirfd, const char *path, bool recursive,
			struct error *err);

/* Give a detached copy `attrs` and attach it. */
int mount_attach(int copy, uint64_t attrs, bool recursive,
		 const struct mount_target *target, struct error *err);

/*
 * Bind `source` ("" for `dirfd` itself) to the target with `attrs` on top of
 * what the source has. Links in `path` are not followed inside `dirfd`
 * specially: it must be a path of our own.
 */
int mount_bind(bool legacy, int dirfd, const char *path, uint64_t attrs,
	       bool recursive, const struct mount_target *target,
	       struct error *err);

/* Add `attrs` to the mount whose root `fd` is. */
int mount_add_attrs(bool legacy, int fd, uint64_t attrs, struct error *err);

#endif
