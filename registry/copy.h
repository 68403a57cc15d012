/*
 * Images passed on as they are, whole indexes too: from a registry or an OCI
 * layout to a registry, a layout, an archive or the store. No byte is changed,
 * so digests stay; nothing is decompressed; what is there is not sent again.
 */
#ifndef REGISTRY_COPY_H
#define REGISTRY_COPY_H

#include "registry/registry.h"
#include "store/layout.h"

/* ---- where from ---- */

struct copy_source {
	struct descriptor root; /* what the user named */
	/* Append the bytes of a manifest or index; the caller verifies them. */
	int (*manifest)(struct copy_source *s, const struct descriptor *d,
			struct buf *ret, struct error *err);
	/* Open a blob, not verified. From many threads. */
	int (*blob)(struct copy_source *s, const struct descriptor *d,
		    struct stream **ret, struct error *err);
	/* "domain/path" to mount blobs from and whose stream tells of its
	 * progress; or NULL. */
	const char *origin;
	void (*free)(struct copy_source *s);
};

void copy_source_free(struct copy_source *s);
DEFINE_CLEANUP(struct copy_source *, copy_source_free);

int copy_from_registry(struct registry *r, const struct reference *ref,
		       struct copy_source **ret, struct error *err);

/*
 * From the layout in `dir`; `name` is a tag, a reference or a digest, or NULL
 * when there is but one image.
 */
int copy_from_layout(const char *dir, const char *name,
		     struct copy_source **ret, struct error *err);

/* From the store: `root` with all it refers to is in the batch or store. */
int copy_from_store(struct batch *b, const struct descriptor *root,
		    struct copy_source **ret, struct error *err);

/* ---- where to ---- */

struct copy_target {
	bool ordered; /* wants everything once, by digest, one after another */
	/* Have the blob there. From many threads unless ordered. */
	int (*blob)(struct copy_target *to, struct copy_source *from,
		    const struct descriptor *d, struct error *err);
	/* Have the manifest there; all it refers to is, unless ordered. */
	int (*manifest)(struct copy_target *to, const struct descriptor *d,
			const struct buf *text, bool is_root,
			struct error *err);
	/* All is there: make it count. NULL: nothing to do. */
	int (*finish)(struct copy_target *to, const struct descriptor *root,
		      const struct buf *text, struct error *err);
	void (*free)(struct copy_target *to);
};

void copy_target_free(struct copy_target *to);
DEFINE_CLEANUP(struct copy_target *, copy_target_free);

int copy_to_registry(struct registry *r, const struct reference *ref,
		     struct copy_target **ret, struct error *err);

/*
 * Into a layout (taken, also on failure). `name` becomes the entry's name in
 * its index, or NULL. With `docker`, docker's manifest.json is put beside it
 * and `name` is a full reference; the root has to be a single image then.
 */
int copy_to_layout(struct layout *l, const char *name, bool docker,
		   struct copy_target **ret, struct error *err);

/*
 * Into the store: blobs of the batch, the root as an image that goes by `name`
 * (a full reference) once the batch is published. The root has to be a single
 * image.
 */
int copy_to_store(struct batch *b, const char *name, struct copy_target **ret,
		  struct error *err);

/* ---- and the way between ---- */

struct copy_options {
	const struct platform *platform; /* this one of an index; NULL: all */
	unsigned parallel;		 /* blobs at a time */
};

/* `*root` (the caller releases it) is what was copied. */
int copy_image(struct copy_source *from, struct copy_target *to,
	       const struct copy_options *options, struct descriptor *root,
	       struct error *err);

#endif
