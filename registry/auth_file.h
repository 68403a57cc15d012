/*
 * One file of credentials: docker's config.json, containers' auth.json,
 * .dockercfg, or a Kubernetes secret (all the same JSON).
 */
#ifndef REGISTRY_AUTH_FILE_H
#define REGISTRY_AUTH_FILE_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

/* What a registry may be told. Members are NULL when absent. */
struct credential {
	char *username;
	char *password;
	char *identity_token; /* an OAuth2 refresh token */
	char *registry_token; /* a bearer token to be sent as it is */
};

/* Overwrites the secrets. */
void credential_release(struct credential *c);
DEFINE_RELEASE(struct credential, credential_release);

bool credential_is_set(const struct credential *c);
int credential_copy(const struct credential *from, struct credential *to,
		    struct error *err);

struct auth_file;

/* `what` names the document in errors (ERROR_USAGE: it is the user's). */
int auth_file_parse(const char *data, size_t len, const char *what,
		    struct auth_file **ret, struct error *err);
void auth_file_free(struct auth_file *f);
DEFINE_CLEANUP(struct auth_file *, auth_file_free);

/*
 * The entry for repository `path` ("library/alpine"; may be NULL) of registry
 * `domain` ("docker.io", "host:5000"). Keys may name a repository prefix
 * ("host/group"; the longest wins), the host, or an old style URL
 * ("https://host/v1/"). Unset when the file has none. ERROR_USAGE when the
 * entry is damaged.
 */
int auth_file_find(const struct auth_file *f, const char *domain,
		   const char *path, struct credential *ret, struct error *err);

/*
 * Names of the credential helpers to ask about `domain`: the host's own
 * (credHelpers) and the one for all (credsStore); NULL or borrowed.
 */
const char *auth_file_host_helper(const struct auth_file *f,
				  const char *domain);
const char *auth_file_store_helper(const struct auth_file *f);

/* Does this key of "auths" stand for the whole host, in whatever form? */
bool auth_key_names_host(const char *key, const char *domain);

/* "https://index.docker.io/v1/" for docker.io, else the domain itself. */
const char *auth_server_name(const char *domain);

#endif
