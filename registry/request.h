/*
 * One request to a registry: authorized, retried, redirected, and its refusal
 * told in the registry's own words.
 */
#ifndef REGISTRY_REQUEST_H
#define REGISTRY_REQUEST_H

#include "registry/authorize.h"
#include "registry/client.h"

/* A reply that ended a request. */
struct refusal {
	int status;	 /* 0: none came */
	int64_t wait_ms; /* what Retry-After asks for, -1: nothing */
};

struct request {
	const char *method;
	const char *path;      /* "/v2/..." of the host, or NULL: */
	const struct url *url; /* where to, an upload's Location */
	struct access access;
	const struct strv *fields;    /* further header fields, or NULL */
	const struct http_body *body; /* or NULL */
	bool by_digest; /* what comes is verified: any server may send it */
	unsigned tries; /* 0: the client's */
	int answer;	/* a status besides 2xx that is an answer, or 0 */
	struct refusal *refusal; /* set when it is refused; or NULL */
};

struct reply {
	struct http_exchange *x;
	struct url url; /* where it finally came from */
};

void reply_release(struct reply *reply);
DEFINE_RELEASE(struct reply, reply_release);

/*
 * Send it and return the head of a 2xx reply (or of the status `answer`). All
 * else is an error. Authorization is sent to the registry's own origin only.
 * Redirects are followed for GET and HEAD, and 307 and 308 for all.
 */
int request_send(struct registry *r, struct host *h, const struct request *rq,
		 struct reply *ret, struct error *err);

#endif
