/*
 * Plain files from web servers: sources of ADD, build contexts, Dockerfiles.
 * Redirects are followed, failures that pass are tried again.
 */
#ifndef REGISTRY_DOWNLOAD_H
#define REGISTRY_DOWNLOAD_H

#include <stdint.h>

#include "registry/registry.h"

struct download_request {
	/* http or https. "user:password@" in it becomes a header field. */
	const char *url;
	/* Value of Authorization, for the URL's own origin only; or NULL. */
	const char *authorization;
	/* Its contents are known: a redirect to plain HTTP does no harm. */
	bool verified;
	/* What an earlier reply said of itself (struct downloaded); or NULL. */
	const char *etag;
	const char *last_modified;
	uint64_t max_bytes;
	/* Told now and then; `total` is -1 when unknown. NULL: not. */
	void (*progress)(void *ctx, int64_t current, int64_t total);
	void *ctx;
};

struct downloaded {
	bool unchanged; /* since `etag` or `last_modified`; nothing was written,
			   and nothing but those is set */
	struct digest digest;
	uint64_t size_bytes;
	char *etag; /* of a strong kind; or NULL */
	char *last_modified;
	int64_t mtime; /* of Last-Modified, in seconds; 0: it did not say */
};

void downloaded_release(struct downloaded *d);
DEFINE_RELEASE(struct downloaded, downloaded_release);

/*
 * Write the file to `fd`, from its start on (it is truncated first). A status
 * that is no success is `invalid response status N`, of a kind that fits.
 * Errors name the URL without user, password and query.
 */
int download(struct registry *r, const struct download_request *rq, int fd,
	     struct downloaded *ret, struct error *err);

#endif
