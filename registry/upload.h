/* Blobs going to a registry. */
#ifndef REGISTRY_UPLOAD_H
#define REGISTRY_UPLOAD_H

#include "registry/client.h"
#include "store/batch.h"
#include "store/descriptor.h"

/* One blob to be made present in a repository. */
struct upload {
	struct registry *r;
	struct host *host;
	const char *repository; /* path */
	struct batch *b;	/* the store it may be in; NULL with `open` */
	const struct descriptor *desc;
	const char *origin; /* "domain/path" it can be had from, or NULL */
	/*
	 * Another place it is in: opens it, not verified. NULL: it is in the
	 * store or comes from its origin.
	 */
	int (*open)(void *ctx, const struct descriptor *desc,
		    struct stream **ret, struct error *err);
	void *ctx;
	/*
	 * Or a layer that is compressed as it goes, by upload_layer(): `desc`
	 * is what it came to last time, or NULL, and `diff_id` goes with it.
	 */
	struct layer *layer;
	const struct digest *diff_id;
	const struct layer_format *format;
};

/*
 * Asks whether it is there already; mounts it when the origin is on the same
 * host; else sends it, from the store or streamed from the origin. What is
 * known to be present is not asked for again by this client.
 *
 * An upload that breaks goes on from the byte that the registry has come to, if
 * it tells one. Where a request of that size is refused (413) it is cut up.
 */
int upload_blob(const struct upload *u, struct error *err);

/*
 * The same for `u->layer`, of which only `u->desc` can be asked for beforehand.
 * `*made` (to be released) is what it is, `*diff_id` what it holds.
 */
int upload_layer(const struct upload *u, struct descriptor *made,
		 struct digest *diff_id, struct error *err);

#endif
