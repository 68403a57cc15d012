/*
 * Lists of local images that are to be pushed as one index, for several
 * platforms. A list has a name like an image, but is none.
 */
#ifndef STORE_IMAGE_LIST_H
#define STORE_IMAGE_LIST_H

#include "store/batch.h"
#include "store/digest.h"

struct image_list_item {
	struct digest image;	/* config digest */
	struct digest manifest; /* the one it was pulled as; or unset */
};

struct image_list {
	struct image_list_item *items;
	size_t n;
};

void image_list_release(struct image_list *l);
DEFINE_RELEASE(struct image_list, image_list_release);

/* Append one. */
int image_list_add(struct image_list *l, const struct digest *image,
		   const struct digest *manifest, struct error *err);

/* Give the list its name when the batch is published; replaces another. */
int image_list_set(struct batch *b, const char *name,
		   const struct image_list *l, struct error *err);

/* ERROR_NOT_FOUND when there is none. */
int image_list_get(struct store *s, const char *name, struct image_list *ret,
		   struct error *err);

int image_list_remove(struct store *s, const char *name, struct error *err);

/* Call `fn` for what each list that can be read holds; stops at -1. */
int image_lists_visit(struct store *s,
		      int (*fn)(void *ctx, const struct image_list_item *item,
				struct error *err),
		      void *ctx, struct error *err);

#endif
