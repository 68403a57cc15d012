/* Blobs coming from a registry. */
#ifndef REGISTRY_FETCH_H
#define REGISTRY_FETCH_H

#include "registry/client.h"
#include "store/descriptor.h"

/*
 * The raw bytes of a blob of repository `path`, unverified. A connection that
 * breaks is made again and goes on where it broke. The URLs that a descriptor
 * may carry are never used.
 */
int fetch_blob(struct registry *r, const char *domain, const char *path,
	       const struct descriptor *desc, struct stream **ret,
	       struct error *err);

/* A blob of at most `max` bytes, verified, appended to `ret`. */
int fetch_small_blob(struct registry *r, const char *domain, const char *path,
		     const struct descriptor *desc, size_t max, struct buf *ret,
		     struct error *err);

/*
 * Split an origin, "docker.io/library/alpine", as reference_repository()
 * makes it. `*path` points into `origin`; the caller frees `*domain`.
 */
int origin_split(const char *origin, char **domain, const char **path,
		 struct error *err);

#endif
