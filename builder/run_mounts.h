/* The mounts of one RUN: its --mount flags and the scripts of its heredocs. */
#ifndef BUILDER_RUN_MOUNTS_H
#define BUILDER_RUN_MOUNTS_H

#include "builder/bind_source.h"
#include "builder/sandbox/sandbox.h"
#include "builder/socket_relay.h"
#include "builder/step.h"
#include "store/cache_mount.h"

/* What one mount holds on to while the step runs. */
struct run_mount_state {
	struct bind_source source;
	struct cache_mount *cache;
	struct socket_relay *relay;
};

struct run_mounts {
	struct batch *batch;	     /* borrowed */
	struct sandbox_mount *items; /* the first `n_used` are to be mounted */
	struct run_mount_state *states; /* of each item */
	size_t len;
	size_t n_used;
	struct strv targets; /* of our own: scripts */
	struct strv env;     /* variables that mounts set */
};

/*
 * Open everything that the RUN of `job` mounts; what it reads has been found.
 * A cache that is locked elsewhere is waited for; every RUN takes its caches in
 * the same order. ERROR_NOT_FOUND for a required secret that was not given.
 */
int run_mounts_open(struct step_job *job, struct run_mounts *ret,
		    struct error *err);
void run_mounts_release(struct run_mounts *m);
DEFINE_RELEASE(struct run_mounts, run_mounts_release);

#endif
