/* Local images by the beginning of their id. */
#ifndef STORE_IMAGE_FIND_H
#define STORE_IMAGE_FIND_H

#include "store/digest.h"
#include "store/store.h"

/*
 * Find the image, with or without a name, whose id begins with `digits`: 4 to
 * 64 in lower case. Without a name it is there until the next collection.
 * ERROR_NOT_FOUND; ERROR_USAGE, listing them, when there are several.
 */
int image_find(struct store *s, const char *digits, struct digest *ret,
	       struct error *err);

#endif
