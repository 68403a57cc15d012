/* What is known about one registry host. */
#ifndef REGISTRY_HOST_H
#define REGISTRY_HOST_H

#include <pthread.h>

#include "registry/challenge.h"
#include "registry/host_settings.h"
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
	bool mirror;   /* asked in place of another: not meant by --creds */
	struct http_tls tls;
	struct strv headers; /* "Name: value" of its hosts.toml */
	int64_t connect_ms;  /* 0: as the transport has it */
	char *ns; /* what a mirror is told it stands in for, or NULL */
	pthread_mutex_t lock; /* for what follows */
	bool connected;
	struct url base; /* scheme and host of the API; set once connected */
	bool here;	 /* it is on this machine; set once connected */
	struct challenge challenge; /* what it asks for, as far as known */
	char problem[512];  /* why credentials could not be looked up, or "" */
	struct map *tokens; /* of struct host_token */
};

struct host_options {
	bool insecure; /* allowed for any host, not only loopback ones */
	bool mirror;
	const char *ca_file; /* or NULL */
	const struct host_settings *settings;
};

int host_new(const char *domain, const struct host_options *options,
	     struct host **ret, struct error *err);
void host_free(struct host *h);
DEFINE_CLEANUP(struct host *, host_free);

/*
 * Find out how the host is spoken to, once: HTTPS; for insecure ones and
 * those on loopback addresses HTTPS without verification, then HTTP. Asks
 * GET /v2/ and keeps the challenge. h->base is stable after success.
 */
int host_connect(struct host *h, const struct http_client *c,
		 struct error *err);

/* Tell a mirror, in the query, what it stands in for. */
void host_add_ns(const struct host *h, struct buf *url);

/*
 * Append the headers of its hosts.toml to those of a request to its own origin,
 * whose own stay.
 */
void host_add_headers(const struct host *h, struct strv *fields);

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
