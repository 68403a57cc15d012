/*
 * Where images may be pulled from instead of the registry they name:
 * registries.conf of the containers tools (with its .d folder) and hosts.toml
 * of containerd (hosts_toml.h). The first of these that knows a registry
 * decides:
 *
 *   $CONTAINERS_REGISTRIES_CONF, else ~/.config/containers/registries.conf,
 *   else /etc/containers/registries.conf; registries.conf.d/ beside the latter
 *   ~/.config/containerd/certs.d/HOST/hosts.toml, /etc/containerd/certs.d/...
 */
#ifndef REGISTRY_MIRRORS_H
#define REGISTRY_MIRRORS_H

#include "registry/place.h"

struct mirrors;

/* ERROR_USAGE names the file and line that is wrong. */
int mirrors_load(struct mirrors **ret, struct error *err);
void mirrors_free(struct mirrors *m);
DEFINE_CLEANUP(struct mirrors *, mirrors_free);

/* Does registries.conf allow `domain` unverified TLS and plain HTTP? */
bool mirrors_insecure(const struct mirrors *m, const char *domain);

/*
 * Append all places to try, in order, the origin (or what the
 * configuration has in its place) last. `by_digest`: what is wanted is known by
 * its digest. ERROR_REFUSED when the registry is blocked.
 */
int mirrors_find(const struct mirrors *m, const char *domain, const char *path,
		 bool by_digest, struct places *ret, struct error *err);

#endif
