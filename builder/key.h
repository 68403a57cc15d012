/*
 * Keys of steps: what a result depends on, as a digest. Fields are framed, so
 * that nothing runs together; the same input has the same key on every
 * machine. Secrets, proxies, times, inodes and what is in a cache mount are in
 * no key.
 */
#ifndef BUILDER_KEY_H
#define BUILDER_KEY_H

#include <jansson.h>

#include "builder/plan.h"
#include "store/digest.h"

enum key_kind {
	KEY_DEFINITION, /* inputs by their keys, local files by content */
	KEY_CONTENT,	/* all inputs by what is read from them */
};

/*
 * Key of `step` on a root with the key `parent`. `inputs` are the digests of
 * what it reads, in the order of its mounts. `*parts` (may be NULL) becomes an
 * object with every field by name, so that a miss can be explained; the caller
 * releases it.
 */
int step_key(const struct plan *plan, const struct step *step,
	     enum key_kind kind, const struct digest *parent,
	     const struct digest *inputs, size_t n_inputs, struct digest *ret,
	     json_t **parts, struct error *err);

/* Key of the root of an image: its diffIDs. NULL: the empty root. */
int image_key(const struct image *img, struct digest *ret, struct error *err);

#endif
