/*
 * A unix socket that passes on to another one. What a container gets is ours,
 * with the mode and owner it is to have there, and who listens at the other
 * end sees the builder's user whoever the container's is.
 */
#ifndef BUILDER_SOCKET_RELAY_H
#define BUILDER_SOCKET_RELAY_H

#include <sys/types.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

struct socket_relay;

/*
 * Make the socket `name` in the directory `dir` (both borrowed) and pass each
 * connection on to the one at `path`, in a thread, until socket_relay_free().
 */
int socket_relay_start(int dir, const char *name, mode_t mode, uid_t uid,
		       gid_t gid, const char *path, struct socket_relay **ret,
		       struct error *err);

/* Ends all connections and removes the socket. Accepts NULL. */
void socket_relay_free(struct socket_relay *r);
DEFINE_CLEANUP(struct socket_relay *, socket_relay_free);

#endif
