/*
 * hosts.toml of containerd: mirrors of a registry, and how they and the
 * registry itself are to be spoken to. It is looked for in the folders
 * HOST_PORT_, HOST:PORT (or HOST) and _default, below
 * ~/.config/containerd/certs.d and then below /etc/containerd/certs.d; the
 * first that is there counts. What we may not read is not there.
 *
 * Of a host it may say `capabilities`, `ca`, `client`, `header`, `skip_verify`,
 * `override_path` and `dial_timeout`; what else it says is passed over. Of
 * several client certificates the first is shown. File names are relative to
 * the folder.
 */
#ifndef REGISTRY_HOSTS_TOML_H
#define REGISTRY_HOSTS_TOML_H

#include "registry/place.h"

/*
 * Append the mirrors that "domain/path" may be pulled from, in their order.
 * `by_digest`: what is wanted is known by its digest. Mirrors whose root is not
 * below /v2/ are passed over. ERROR_USAGE names what is wrong.
 */
int hosts_toml_mirrors(const char *domain, const char *path, bool by_digest,
		       struct places *ret, struct error *err);

/*
 * What is said of the registry `domain` itself, outside of the tables of its
 * mirrors; to be released. Nothing in _default, and nothing of a `server` by
 * another name. ERROR_USAGE.
 */
int hosts_toml_settings(const char *domain, struct host_settings *ret,
			struct error *err);

#endif
