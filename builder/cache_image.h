/*
 * The build cache on the move: an image whose layers are results of steps and
 * whose config holds, under "shale.cache", the keys that lead to them:
 *
 *   {"version": 1, "steps": [{"key": DIGEST, "layer": INDEX, "created": TIME,
 *                             "content": DIGEST, "parts": {...}}]}
 *
 * Being an image it can be pushed, mounted across repositories and imported
 * without its layers, and an image that is pushed anyway can carry its own
 * cache inline. Arguments and variables, which only explain misses, stay here.
 */
#ifndef BUILDER_CACHE_IMAGE_H
#define BUILDER_CACHE_IMAGE_H

#include "store/image.h"
#include "store/step_cache.h"

struct cache_entry {
	struct digest key;
	struct step_record record; /* owned */
	bool in_result;		   /* of a step that the target stands on */
};

/* The steps of a build; a zeroed one is empty. */
struct cache_entries {
	struct cache_entry *items;
	size_t len;
	size_t capacity;
};

/* References and parts of `record` are taken as copies. */
int cache_entries_add(struct cache_entries *e, const struct digest *key,
		      const struct step_record *record, bool in_result,
		      struct error *err);
void cache_entries_release(struct cache_entries *e);
DEFINE_RELEASE(struct cache_entries, cache_entries_release);

/* An image of nothing but the cache; `all`: not of the result's steps only. */
int cache_image_new(const struct cache_entries *e, bool all,
		    const struct platform *platform, struct image **ret,
		    struct error *err);

/*
 * Write those entries whose layers `img` has into its config, in place of what
 * it inherited from its base; `e` NULL: only remove that.
 */
int cache_image_note(struct image *img, const struct cache_entries *e,
		     struct error *err);

/*
 * Remember the steps that `img` knows and the store does not; `*n` is how many
 * there are in it. An image without a cache has none.
 */
int cache_image_import(struct batch *b, const struct image *img, unsigned *n,
		       struct error *err);

#endif
