/* The last step of a push. */
#ifndef REGISTRY_PUSH_H
#define REGISTRY_PUSH_H

#include "registry/client.h"

/*
 * Put a manifest under `version`, a tag or its digest, into repository `path`.
 * The registry must find the same digest.
 */
int push_manifest(struct registry *r, struct host *h, const char *path,
		  const struct buf *text, const char *media_type,
		  const struct digest *digest, const char *version,
		  struct error *err);

/*
 * "domain/path" that `l` could be fetched from as this very blob, or NULL;
 * borrowed from the layer.
 */
const char *push_origin(struct layer *l, const struct descriptor *blob);

#endif
