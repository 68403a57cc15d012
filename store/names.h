/*
 * Names of local images. A name is a full reference,
 * "docker.io/library/alpine:latest"; the store does not interpret it.
 */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include <time.h>

#include "store/batch.h"
#include "store/digest.h"

struct name_record {
	char *name;
	struct digest image;	/* config digest */
	struct digest manifest; /* the manifest it was pulled as; or unset */
	struct timespec set_at;
};

void name_record_release(struct name_record *r);
DEFINE_RELEASE(struct name_record, name_record_release);

/*
 * Where the record of a name is: "FOLDER/" and the name with all that is
 * special in it as %XX, or its digest when that gets long. NULL: no memory. The
 * caller frees.
 */
char *name_path(const char *folder, const char *name);

/* Point a name at an image when the batch is published. `manifest`: or NULL. */
int name_set(struct batch *b, const char *name, const struct digest *image,
	     const struct digest *manifest, struct error *err);

/* ERROR_NOT_FOUND when there is none. */
int name_get(struct store *s, const char *name, struct name_record *ret,
	     struct error *err);

int name_remove(struct store *s, const char *name, struct error *err);

/* All names, sorted. The caller frees the array and releases its items. */
int names_list(struct store *s, struct name_record **ret, size_t *n,
	       struct error *err);

#endif
