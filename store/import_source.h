/*
 * What importing from archives and from directories have in common: images
 * are taken apart here, blobs come from a source. Private to import_*.c.
 */
#ifndef STORE_IMPORT_SOURCE_H
#define STORE_IMPORT_SOURCE_H

#include "store/image.h"
#include "store/import.h"

struct import_source {
	struct batch *batch;
	/*
	 * Have the blob in the batch or store; ERROR_NOT_FOUND when the
	 * source lacks it. Called from one thread at a time.
	 */
	int (*adopt)(struct import_source *s, const struct digest *digest,
		     struct error *err);
};

/* Have a document in the batch and append it to `ret`. */
int import_document(struct import_source *s, const struct digest *digest,
		    size_t max, struct buf *ret, struct error *err);

/*
 * Import the image that `d` (a manifest, or an index to choose from) leads
 * to. `want` is NULL for this machine's platform.
 */
int import_descriptor(struct import_source *s, const struct descriptor *d,
		      const struct platform *want, struct image **ret,
		      struct error *err);

/* Import an image given by its config and layers, bottom first. */
int import_parts(struct import_source *s, const struct digest *config,
		 const struct descriptor *layers, size_t n, struct image **ret,
		 struct error *err);

/*
 * The entries of an index.json that are images for `want` (NULL: this
 * machine's platform) or indexes: the best of each reference. Indices into
 * index->items, in order, to `ret`, which has room for all. Returns how many.
 */
size_t import_choose(const struct manifest *index, const struct platform *want,
		     size_t *ret);

/* Append "REFERENCE=ID" to `names`, which may be NULL. */
int import_tell_name(struct strv *names, const char *reference,
		     const struct image *img, struct error *err);

/* The reference that an index entry carries, or NULL. */
const char *import_reference(const struct descriptor *d);

#endif
