/* What is known about one registry host. */
#ifndef REGISTRY_HOST_H
#define REGISTRY_HOST_H

#include <pthread.h>

#include "registry/challenge.h"
#include "registry/send.h"
#include "registry/url.h"
#include "store/base/map.h"

/* A bearer token; see token.h. */
struct host_token {
	char *value;
	int64_t renew_at_s; /* CLOCK_MONOTONIC */
};

void host_token_free(void *token);

struct host {
	char *domain;  /* as references have it, "docker.io" */
	bool insecure; /* unverified TLS and plain HTTP will do */
	struct http_tls tls;
	pthread_mutex_t lock; /* for what follows */
	bool mirror; /* asked in place of another: not meant by --creds */
	bool connected;
	struct url base; /* scheme and host of the API; set once connected */
	bool here;	 /* it is on this machine; set once connected */
	struct challenge challenge; /* what it asks for, as far as known */
	char problem[512];  /* why credentials could not be looked up, or "" */
	struct map *tokens; /* of struct host_token */
};

struct host_options {
	bool insecure;	     /* allowed for any host, not only loopback ones */
	const char *ca_file; /* or NULL */
};

int host_new(const char *domain, const struct host_options *options,
	     struct host **ret, struct error *err);
void host_free(struct host *h);

/*
 * Find out how the host is spoken to, once: HTTPS; for insecure ones and
 * those on loopback addresses HTTPS without verification, then HTTP. Asks
 * GET /v2/ and keeps the challenge. h->base is stable after success.
 */
int host_connect(struct host *h, const struct http_client *c,
		 struct error *err);

/*
 * The connected host names a place to go on at: is it one that only this
 * machine or its link can see, and the host itself cannot?
 * `http_request.outside` then has to be set, because a name may stand for
 * anything.
 */
bool host_is_stranger(const struct host *h, const struct url *to);

/* The same by the literal address: ERROR_REFUSED. `what`: "names a ..". */
int host_check_place(const struct host *h, const struct url *to,
		     const char *what, struct error *err);

#endif
