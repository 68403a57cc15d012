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
};

/*
 * Asks whether it is there already; mounts it when the origin is on the same
 * host; else sends it, from the store or streamed from the origin. What is
 * known to be present is not asked for again by this client.
 */
int upload_blob(const struct upload *u, struct error *err);

#endif
