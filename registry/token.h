/*
 * Bearer tokens (distribution token protocol): fetched from the realm that a
 * registry names, kept until shortly before they expire.
 */
#ifndef REGISTRY_TOKEN_H
#define REGISTRY_TOKEN_H

#include "registry/auth_file.h"
#include "registry/challenge.h"
#include "registry/host.h"

struct token_request {
	const struct challenge *challenge;   /* a Bearer one */
	const struct credential *credential; /* unset: anonymous */
	const struct strv *scopes;
	const char *repository;	    /* whose credential it is; or NULL */
	const struct http_tls *tls; /* to speak to the realm */
	bool fresh;		    /* not a kept one */
};

/*
 * A token for `h`; the caller holds h->lock and frees the copy. The realm
 * must be https, or the registry itself http, and is never on a loopback or
 * link-local address unless the registry is on this machine too
 * (ERROR_REFUSED). ERROR_AUTH when the realm refuses.
 */
int token_get(struct host *h, const struct http_client *c,
	      const struct token_request *rq, char **ret, struct error *err);

/* Parse a reply of the token server. `*expires_s`: seconds from now. */
int token_parse(const char *data, size_t len, char **token,
		char **refresh_token, int64_t *expires_s, struct error *err);

#endif
