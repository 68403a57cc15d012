/*
 * Image references, "docker.io/library/alpine:latest@sha256:...": the
 * distribution grammar and Docker Hub's short forms.
 */
#ifndef REGISTRY_REFERENCE_H
#define REGISTRY_REFERENCE_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/digest.h"

struct reference {
	char *domain;	      /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *path;	      /* "library/alpine" */
	char *tag;	      /* NULL when only a digest was given */
	struct digest digest; /* set when given; it decides, the tag informs */
};

/*
 * Parse what a user wrote and fill in the defaults (docker.io, library/,
 * latest unless there is a digest). ERROR_USAGE with the reason.
 */
int reference_parse(const char *text, struct reference *ret, struct error *err);
void reference_release(struct reference *r);
DEFINE_RELEASE(struct reference, reference_release);

/*
 * "domain/path:tag@digest", the name under which the store keeps an image
 * (the tag left out when there is a digest). The caller frees.
 */
char *reference_format(const struct reference *r, struct error *err);

/* "domain/path": the origin of store_fetcher. The caller frees. */
char *reference_repository(const struct reference *r, struct error *err);

/*
 * "host:port" of the API of a registry: Docker Hub's is not where its name
 * says.
 */
const char *reference_api_host(const char *domain);

/* As users write it: "alpine", "user/app:1". The caller frees. */
char *reference_familiar(const struct reference *r, struct error *err);

#endif
