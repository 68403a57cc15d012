/*
 * Folders that outlive builds, for RUN --mount=type=cache.
 *
 *   mounts/<digest of the id>/<n>        contents of instance n
 *   mounts/<digest of the id>/<n>.lock   locked by whoever uses it
 *   mounts/<digest of the id>/<n>.ready  made and filled for the first time
 */
#ifndef STORE_CACHE_MOUNT_H
#define STORE_CACHE_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/store.h"

enum cache_sharing {
	CACHE_SHARED,  /* with everybody, at the same time */
	CACHE_LOCKED,  /* one after the other */
	CACHE_PRIVATE, /* an instance of one's own when others are in use */
};

/* How a folder that others use is waited for. NULL: until it is free. */
struct cache_wait {
	const struct cancel *cancel; /* ends it; or NULL */
	/* Called once when the wait has taken a second; or NULL. */
	void (*tell)(void *ctx);
	void *ctx;
};

struct cache_mount;

/*
 * Get hold of the folder `id` (any text), waiting as `how` demands. A new
 * folder gets `mode` and, unless -1, `uid` and `gid`; one that exists is left
 * as it is. Free it when the step is over.
 */
int cache_mount_open(struct store *s, const char *id, enum cache_sharing how,
		     mode_t mode, uid_t uid, gid_t gid,
		     const struct cache_wait *wait, struct cache_mount **ret,
		     struct error *err);

/*
 * Get hold of the folder `id` with nobody else using it: 1, or 0 when there is
 * none. Of private mounts it is the first instance.
 */
int cache_mount_open_existing(struct store *s, const char *id,
			      const struct cache_wait *wait,
			      struct cache_mount **ret, struct error *err);
void cache_mount_free(struct cache_mount *m);
DEFINE_CLEANUP(struct cache_mount *, cache_mount_free);

/* The folder's absolute path; borrowed. */
const char *cache_mount_path(const struct cache_mount *m);

/*
 * Is the folder new, and to be filled from the mount's `from`? Nobody else
 * uses it until cache_mount_ready(), which must be called then.
 */
bool cache_mount_is_new(const struct cache_mount *m);
int cache_mount_ready(struct cache_mount *m, struct error *err);

/* Empty a new folder that was filled in part. */
int cache_mount_clear(struct cache_mount *m, struct error *err);

#endif
