/*
 * Networks with a way out, for containers whose network is not the host's:
 * network namespaces with what connects them, made once and handed from RUN
 * to RUN for the length of a build. No two containers have the same at a time.
 *
 * A program (see network_program.h) makes the connections from outside, by
 * sockets of its own. The host's loopback and its abstract sockets cannot be
 * reached from in there.
 */
#ifndef BUILDER_SANDBOX_NETWORK_H
#define BUILDER_SANDBOX_NETWORK_H

#include "builder/sandbox/sandbox.h"

struct network_pool;
struct network;

struct network_pool_options {
	struct spawner *spawner;
	enum sandbox_network kind; /* a pooled one */
	/*
	 * Can the host's network take its place? Whether it does is decided
	 * by the first network that is wanted, and holds for the pool: what a
	 * RUN does cannot move a later one to the host's. `warn` gets the one
	 * line that says why.
	 */
	bool or_host;
	bool has_servers; /* of DNS; the host's resolver is not asked */
	void (*warn)(void *ctx, const char *line);
	void *ctx;
};

/* Makes no network yet. */
int network_pool_new(const struct network_pool_options *options,
		     struct network_pool **ret, struct error *err);

/* No container will want one any more: begin to end all. Never waits. */
void network_pool_shut(struct network_pool *p);

/* Ends all networks and waits for that. Accepts NULL. */
void network_pool_free(struct network_pool *p);
DEFINE_CLEANUP(struct network_pool *, network_pool_free);

/* One will be wanted: begin to make it, unless there is one. Never waits. */
void network_pool_prepare(struct network_pool *p);

/*
 * A network for one container; thread-safe. `*ret` is NULL when the host's is
 * to be used instead. Without `or_host` it is an error that says what is
 * missing here.
 */
int network_pool_take(struct network_pool *p, struct cancel *cancel,
		      struct network **ret, struct error *err);

/*
 * The container has ended. `is_clean`: it had no rights to change the network,
 * so that the next one may have it; else it is thrown away. Accepts NULL.
 */
void network_pool_give_back(struct network_pool *p, struct network *n,
			    bool is_clean);

int network_fd(const struct network *n); /* the namespace; borrowed */

/* "pasta", "slirp4netns" or what else made it. */
const char *network_made_with(const struct network *n);

/*
 * Where the host's resolver can be asked when it listens on loopback; NULL when
 * it does not, and can be asked itself, or nobody will ask it.
 */
const char *network_resolver(const struct network *n);

#endif
