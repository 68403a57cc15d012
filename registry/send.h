/* Sending a request until it gets through: retries, waits, limits. */
#ifndef REGISTRY_SEND_H
#define REGISTRY_SEND_H

#include "registry/http.h"
#include "store/base/cancel.h"

struct http_client {
	struct http_transport *transport; /* owned by whoever made it */
	const struct cancel *cancel;	  /* or NULL */
	unsigned tries;			  /* of one request, at least 1 */
	int64_t backoff_ms;		  /* before the first retry */
	void (*message)(void *ctx, const char *line); /* or NULL */
	void *ctx;
};

/*
 * Send `rq`, again after failures that pass. Returns with the head of a reply
 * that waiting cannot change, or the last one. `*failure` (may be NULL) tells
 * why there is none. `tries` 0 means the client's.
 */
int http_send(const struct http_client *c, const struct http_request *rq,
	      unsigned tries, struct http_exchange **ret,
	      enum http_failure *failure, struct error *err);

/* Sleep; ERROR_CANCELED when told to stop. */
int http_wait(const struct http_client *c, int64_t wait_ms, struct error *err);

/* How long to wait before retry number `n`, counted from 1. */
int64_t http_backoff(const struct http_client *c, unsigned n);

/* Tell the user one line. */
void http_tell(const struct http_client *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
