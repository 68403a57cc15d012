/* What two images differ in, as a document. */
#ifndef STORE_IMAGE_DIFF_H
#define STORE_IMAGE_DIFF_H

#include "store/image.h"

/*
 * An object with what differs, each an array, empty when nothing does:
 *
 *   "config":  {"path": "config.Env[1]", "left": VALUE, "right": VALUE}
 *   "history": the same, with paths like "[2].created_by"
 *   "layers":  {"left": {"index": N, "diffID": DIGEST, "createdBy": TEXT},
 *               "right": {...}, "files": [...]}, see layer_diff.h
 *
 * VALUE is null where there is none. Layers that both images have at their
 * beginning or end are left out; those between are compared in pairs, and
 * those that find none have null on the other side. Layers are fetched only
 * to be compared. Rewritten layers make `diff_ids` differ, which is not told
 * again as a config's. NULL with `err` set on failure.
 */
json_t *image_diff(struct batch *batch, struct image *a, struct image *b,
		   struct error *err);

/* Does such a document hold no difference? */
bool image_diff_is_empty(const json_t *diff);

#endif
