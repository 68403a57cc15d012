/*
 * The ssh agents that a user lends to a build: --ssh ID[=SOCKET|KEY[,KEY]].
 *
 * Keys given as files are held by an ssh-agent that is started for them and
 * ends with the build.
 */
#ifndef BUILDER_SSH_AGENTS_H
#define BUILDER_SSH_AGENTS_H

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"
#include "store/batch.h"

struct ssh_agents;

/*
 * Find the agents that `specs` name, each listening already; without anything
 * behind its id it is the one of SSH_AUTH_SOCK. Sockets of our own lie in the
 * batch's folder (borrowed). ERROR_USAGE names the specification; a key that
 * cannot be used is ERROR_REFUSED with the reason.
 */
int ssh_agents_open(const struct strv *specs, struct batch *batch,
		    struct ssh_agents **ret, struct error *err);

/* Ends what was started. Accepts NULL. */
void ssh_agents_free(struct ssh_agents *a);
DEFINE_CLEANUP(struct ssh_agents *, ssh_agents_free);

/* The path of an agent's socket; NULL when `id` was not given, or no `a`. */
const char *ssh_agents_socket(const struct ssh_agents *a, const char *id);

#endif
