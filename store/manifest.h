/* Manifests and indexes: parsing, writing and choosing by platform. */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include "store/base/buf.h"
#include "store/descriptor.h"

/* Largest manifest or index accepted, in bytes. */
#define MANIFEST_MAX ((size_t)4 << 20)

/* A manifest or an index. */
struct manifest {
	char *media_type;
	bool is_index;
	struct descriptor config; /* manifest only */
	struct descriptor *items; /* layers, or manifests of an index */
	size_t n_items;
	json_t *annotations; /* object or NULL */
};

/*
 * Parse a manifest or index. `content_type` (may be NULL) must not contradict
 * its mediaType; schema 1, both of layers and manifests, and bad digests are
 * refused.
 */
int manifest_parse(const char *data, size_t len, const char *content_type,
		   struct manifest **ret, struct error *err);
void manifest_free(struct manifest *m);
DEFINE_CLEANUP(struct manifest *, manifest_free);

/* The document's bytes: compact, keys in fixed order. */
int manifest_serialize(const struct manifest *m, struct buf *ret,
		       struct error *err);

/* The item of an index that serves `want` best; NULL when none does. */
const struct descriptor *manifest_select(const struct manifest *index,
					 const struct platform *want);

#endif
