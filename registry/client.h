/* The client behind registry.h: what its parts share. */
#ifndef REGISTRY_CLIENT_H
#define REGISTRY_CLIENT_H

#include "registry/credentials.h"
#include "registry/host.h"
#include "registry/mirrors.h"
#include "registry/registry.h"
#include "registry/send.h"
#include "store/store.h"

struct registry {
	struct registry_options options; /* defaults filled in */
	struct http_transport *transport;
	struct http_client http;
	struct credentials *credentials;
	struct store_fetcher fetcher;
	pthread_mutex_t lock; /* for what follows */
	struct map *hosts;    /* by domain, or domain and registry mirrored */
	struct map *warnings; /* texts of Warning fields already told */
	struct mirrors *mirrors; /* NULL before the first host */
	struct map *broken;	 /* domains of mirrors not to be asked again */
	struct map *present;	 /* "domain/path@digest" of blobs we pushed */
};

/* As registry_new(), over a given transport (taken, also on failure). */
int client_new(const struct registry_options *options,
	       struct http_transport *transport, struct registry **ret,
	       struct error *err);

/* The host, made on first use and not necessarily connected; borrowed. */
int client_host(struct registry *r, const char *domain, struct host **ret,
		struct error *err);

/*
 * Call `get` for each place that "domain/path" may be pulled from, mirrors
 * first, until it succeeds; the last failure, of the origin, is the error.
 */
int client_pull(struct registry *r, const char *domain, const char *path,
		bool by_digest,
		int (*get)(void *ctx, struct host *h, const char *path,
			   struct error *err),
		void *ctx, struct error *err);

/* Pass on a registry's Warning field, each text once. */
void client_warn(struct registry *r, const struct host *h,
		 const struct strv *headers);

/* Is this blob known to be where `key` says? And: it is, from now on. */
bool client_knows(struct registry *r, const char *key);
void client_learn(struct registry *r, const char *key);

/* Report progress, if somebody listens. */
void client_transfer(const struct registry *r, const char *what,
		     int64_t current, int64_t total, const char *note);

#endif
