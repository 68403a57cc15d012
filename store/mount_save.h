/*
 * Cache mounts on their way out, as mount_index.h has it: only chunks that an
 * earlier save does not have go into new packs.
 */
#ifndef STORE_MOUNT_SAVE_H
#define STORE_MOUNT_SAVE_H

#include "store/batch.h"
#include "store/descriptor.h"
#include "store/mount_index.h"
#include "store/stream.h"

struct mount_save;

/*
 * `before` is what the destination holds already; its mounts stay unless they
 * are added again. Packs are put aside in the batch's folder until the end.
 */
int mount_save_new(struct batch *b, const struct mount_index *before,
		   struct mount_save **ret, struct error *err);
void mount_save_free(struct mount_save *s);
DEFINE_CLEANUP(struct mount_save *, mount_save_free);

/*
 * Add the contents of the directory `dir` (taken, also on failure), which must
 * not change meanwhile, as mount `id`.
 */
int mount_save_add(struct mount_save *s, const char *id, int dir,
		   struct error *err);

/*
 * All is added: make the index and the manifest. `*root` (the caller releases
 * it) describes the manifest, whose bytes are appended to `manifest`. Nothing
 * may be added after.
 */
int mount_save_finish(struct mount_save *s, struct descriptor *root,
		      struct buf *manifest, struct error *err);

/*
 * The index or a new pack. ERROR_NOT_FOUND for a pack that the destination
 * should have.
 */
int mount_save_open(struct mount_save *s, const struct digest *digest,
		    struct stream **ret, struct error *err);

/* Of all that was added, what was not there yet; uncompressed. */
uint64_t mount_save_new_bytes(const struct mount_save *s);
uint64_t mount_save_bytes(const struct mount_save *s);

#endif
