/*
 * Logging in: credentials tried at their registry, and kept where docker keeps
 * them.
 */
#ifndef REGISTRY_LOGIN_H
#define REGISTRY_LOGIN_H

#include "registry/auth_file.h"
#include "registry/credentials.h"
#include "registry/registry.h"

/*
 * The domain that a user means by "https://host:5000/", "host:5000",
 * "index.docker.io" or NULL (Docker Hub). ERROR_USAGE when it is no host. The
 * caller frees.
 */
char *login_domain(const char *text, struct error *err);

/*
 * Ask the registry for something that needs the client's credentials
 * (registry_options.credentials). ERROR_AUTH when it refuses them. `*asked` is
 * false when the registry wanted none, so that nothing is known about them.
 */
int login_try(struct registry *r, const char *domain, bool *asked,
	      struct error *err);

/*
 * Keep `c` for the whole host in config.json: of `options->config_dir`, else
 * $REGISTRY_AUTH_FILE, $DOCKER_CONFIG, ~/.docker. If that file names a
 * credential helper for the host, the helper keeps it instead. The file is
 * replaced as a whole, its other members stay. `*where` (the caller frees)
 * tells the place: a path, or "credential helper 'NAME'".
 */
int login_store(const struct credentials_options *options, const char *domain,
		const struct credential *c, char **where, struct error *err);

/* Forget it there. `*found` is false when there was nothing to forget. */
int login_erase(const struct credentials_options *options, const char *domain,
		bool *found, char **where, struct error *err);

#endif
