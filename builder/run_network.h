/* The network of one RUN, and the files that describe it in there. */
#ifndef BUILDER_RUN_NETWORK_H
#define BUILDER_RUN_NETWORK_H

#include "builder/sandbox/network.h"
#include "builder/step.h"
#include "store/base/buf.h"

struct run_network {
	struct network_pool *pool; /* borrowed */
	struct network *taken;	   /* of the pool, or NULL */
	bool is_clean;		   /* nobody can have changed it */
	struct buf hosts;
	struct buf resolv_conf;
};

/*
 * Which network the RUN of `job` wants. ERROR_REFUSED for the host's where
 * that has not been allowed.
 */
int run_network_choose(const struct step_job *job, enum sandbox_network *ret,
		       struct error *err);

/*
 * Have that of `sb`, which is complete but for its network: its hostname,
 * hosts, resolv_conf and network_fd are set, and the first two files belong
 * to `n`. Waits for a network to be free. `n` is for run_network_release()
 * after failure, too.
 */
int run_network_open(const struct step_job *job, struct sandbox *sb,
		     struct run_network *n, struct error *err);
void run_network_release(struct run_network *n);

#endif
