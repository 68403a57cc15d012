/*
 * Cache mounts on their way back. Packs are fetched as they are needed, once,
 * into the batch's folder; blobs are verified by their digest, chunks by
 * theirs, and the tar is applied like any foreign layer: nothing leads out of
 * the mount.
 */
#ifndef STORE_MOUNT_RESTORE_H
#define STORE_MOUNT_RESTORE_H

#include "store/batch.h"
#include "store/descriptor.h"
#include "store/mount_index.h"
#include "store/stream.h"

/* Where packs come from; many threads ask. */
struct mount_source {
	int (*blob)(void *ctx, const struct descriptor *d, struct stream **ret,
		    struct error *err);
	void *ctx;
};

struct mount_restore;

/* `index` is taken over, and zeroed; `from` is copied. */
int mount_restore_new(struct batch *b, struct mount_index *index,
		      const struct mount_source *from,
		      struct mount_restore **ret, struct error *err);
void mount_restore_free(struct mount_restore *r);
DEFINE_CLEANUP(struct mount_restore *, mount_restore_free);

/*
 * Put what mount `id` held into the empty directory `dir` (taken, also on
 * failure). 1; 0 when there is no such mount; -1, with part of it there
 * perhaps. Many threads may.
 */
int mount_restore_into(struct mount_restore *r, const char *id, int dir,
		       struct error *err);

#endif
