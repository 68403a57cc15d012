/* Manifests and indexes coming from a registry. */
#ifndef REGISTRY_MANIFEST_GET_H
#define REGISTRY_MANIFEST_GET_H

#include "registry/client.h"

/* A manifest's bytes with what the registry says of them. */
struct manifest_text {
	struct buf data;
	char *media_type; /* the Content-Type without parameters, or NULL */
	struct digest digest;
};

void manifest_text_release(struct manifest_text *m);
DEFINE_RELEASE(struct manifest_text, manifest_text_release);

/*
 * Fetch by tag or digest (`version`) from repository `path`; the digest is
 * computed, and must be `expected` unless that is NULL.
 */
int manifest_get(struct registry *r, const char *domain, const char *path,
		 const char *version, const struct digest *expected,
		 struct manifest_text *ret, struct error *err);

#endif
