/* Network namespaces by descriptor. */
#ifndef BUILDER_SANDBOX_NETWORK_NS_H
#define BUILDER_SANDBOX_NETWORK_NS_H

#include "store/base/error.h"

/* In the namespace we are in. */
int network_loopback_up(struct error *err);

/*
 * A new namespace in which only loopback is up. It is as old as its last
 * descriptor or process. Returns the descriptor, close-on-exec. Ours stays
 * what it is. Call in a process with one thread.
 *
 * `inside`, unless NULL, is called in there, by a process that shares our
 * memory and descriptors, so that sockets of that namespace can be had.
 */
int network_ns_new(int (*inside)(void *ctx, struct error *err), void *ctx,
		   struct error *err);

#endif
