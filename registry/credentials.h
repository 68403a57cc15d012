/*
 * Everything this user knows about logging in, from where docker and the
 * containers tools keep it.
 *
 * Sources, the first that knows the registry wins:
 *   1. "user:password" given on the command line
 *   2. $DOCKER_AUTH_CONFIG (the JSON itself)
 *   3. the configuration directory given, or $REGISTRY_AUTH_FILE; then alone
 *   4. $DOCKER_CONFIG/config.json, or .dockerconfigjson there (Kubernetes)
 *   5. $XDG_RUNTIME_DIR/containers/auth.json (root: /run/containers/0/),
 *      $XDG_CONFIG_HOME/containers/auth.json
 *   6. ~/.docker/config.json, ~/.dockercfg
 * In each: the host's helper, the helper for all, the entry itself.
 */
#ifndef REGISTRY_CREDENTIALS_H
#define REGISTRY_CREDENTIALS_H

#include "registry/auth_file.h"
#include "store/base/cancel.h"

struct credentials;

struct credentials_options {
	const char *given;	/* "user:password", or NULL */
	const char *config_dir; /* or NULL */
	int64_t helper_timeout_ms;
	const struct cancel *cancel; /* or NULL */
};

/* Strings are copied; files are read at the first lookup. */
int credentials_new(const struct credentials_options *options,
		    struct credentials **ret, struct error *err);
void credentials_free(struct credentials *c);
DEFINE_CLEANUP(struct credentials *, credentials_free);

/*
 * Credentials for repository `path` of `domain`; unset when there are none.
 * Without `given` those of the command line are not looked at.
 * Thread-safe; a helper is asked once per server. ERROR_USAGE for a damaged
 * file, ERROR_AUTH for a helper that fails.
 */
int credentials_find(struct credentials *c, const char *domain,
		     const char *path, bool given, struct credential *ret,
		     struct error *err);

#endif
