/* Answering a registry's challenge for one request. */
#ifndef REGISTRY_AUTHORIZE_H
#define REGISTRY_AUTHORIZE_H

#include "registry/client.h"

/* What a request is going to do. */
struct access {
	const char *repository; /* path, "library/alpine"; NULL: none */
	bool push;		/* pull always */
	const char *also_pull;	/* repository to mount from, or NULL */
};

/* What a request shows. */
struct authorization {
	char *line;	/* "Authorization: ...", or NULL for nothing */
	bool anonymous; /* no credential of the user's went into it */
};

/* Overwrites the secret. */
void authorization_release(struct authorization *a);
DEFINE_RELEASE(struct authorization, authorization_release);

/*
 * Make the authorization for a request to the connected host `h`: none when
 * none is needed or none can be made. `asked` is the challenge of a 401 that
 * the request met before (its token is fetched anew, its scope honoured), else
 * NULL. A credential helper that fails is told to the user and the request
 * goes out anonymously; host.problem keeps why.
 */
int authorize(struct registry *r, struct host *h, const struct access *a,
	      const struct challenge *asked, struct authorization *ret,
	      struct error *err);

#endif
