/* What image.c and image_manifest.c share. */
#ifndef STORE_IMAGE_INTERNAL_H
#define STORE_IMAGE_INTERNAL_H

#include "store/image.h"

/* Layers worked on at once: making one uses all processors already. */
#define IMAGE_LAYERS_AT_ONCE 4

/* Serialise `config` and add it as a blob. */
int image_put_config(struct batch *b, const json_t *config, struct digest *id,
		     uint64_t *size_bytes, struct error *err);

/*
 * Have the blob of `l` made elsewhere if `w` (may be NULL) wants to: 1, 0 when
 * it does not, -1.
 */
int image_layer_elsewhere(const struct image_watch *w, struct layer *l,
			  const struct layer_format *format,
			  struct descriptor *ret, struct digest *diff_id,
			  struct error *err);

#endif
