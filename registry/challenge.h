/*
 * What a registry asks for with 401: WWW-Authenticate (RFC 9110, 11.6.1), the
 * Bearer parameters of the distribution token protocol.
 */
#ifndef REGISTRY_CHALLENGE_H
#define REGISTRY_CHALLENGE_H

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"

enum challenge_scheme {
	CHALLENGE_NONE, /* nothing asked, or nothing we know */
	CHALLENGE_BASIC,
	CHALLENGE_BEARER,
};

/* Members are NULL when not given; a Bearer challenge has a realm. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm; /* unchecked text; of a Bearer: should be a URL */
	char *service;
	char *scope;
	char *error;
};

/*
 * Pick the challenge we can answer best, Bearer before Basic, from all
 * WWW-Authenticate fields among `headers` ("Name: value"). What cannot be
 * parsed is skipped. Only fails with ERROR_NOMEM.
 */
int challenge_pick(const struct strv *headers, struct challenge *ret,
		   struct error *err);

void challenge_release(struct challenge *c);
DEFINE_RELEASE(struct challenge, challenge_release);

#endif
