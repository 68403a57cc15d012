/*
 * Run the steps of a plan, each as soon as its inputs are there, several at a
 * time, taking results from the step cache where their keys are known.
 */
#ifndef BUILDER_SOLVE_H
#define BUILDER_SOLVE_H

#include "builder/cache_image.h"
#include "builder/context.h"
#include "builder/plan.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/resolv.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/seccomp.h"
#include "builder/step_share.h"
#include "builder/ui/progress.h"

/* A directory context by the name the plan uses; "" is the main one. */
struct solve_context {
	const char *name;
	struct context *context;
	bool fetched; /* a folder of the batch: nobody will see it again */
};

struct debug_shell;
struct ssh_agents;
struct cache_mount;

/*
 * What fills new cache mounts, before the files of their `from` would: 1 when
 * it did, 0 when it has nothing for `id`, and nothing is in the mount then.
 * From many threads.
 */
struct mount_seeder {
	int (*seed)(void *ctx, const char *id, struct cache_mount *mount,
		    struct error *err);
	void *ctx;
};

struct solve_options {
	struct batch *batch;
	struct registry *registry; /* its connections also serve ADD */
	struct spawner *spawner;
	struct progress *progress;
	struct cancel *cancel;
	struct step_share *share; /* NULL: nothing is published early, and
				     waiting for mounts cannot be canceled */
	const struct solve_context *contexts;
	size_t n_contexts;
	unsigned parallel; /* steps at a time; 0: processors */
	enum sandbox_isolation isolation;
	const char *runtime;	      /* of SANDBOX_ISOLATION_OCI */
	enum sandbox_network network; /* of RUN --network=default */
	bool network_or_host;	      /* where that cannot be had */
	struct network_pool *networks;
	bool allow_host_network; /* entitlements */
	bool allow_insecure;
	struct sandbox_limits limits;
	const struct sandbox_rlimit *rlimits;
	size_t n_rlimits;
	uint64_t shm_size_bytes;
	int64_t step_timeout_ms; /* of a RUN; 0: none */
	uint64_t capabilities;
	bool no_new_privs;
	bool no_seccomp;
	const struct seccomp_program *seccomp; /* NULL: the default one */
	const char *seccomp_rules;	       /* the same for an OCI runtime */
	const char *apparmor;		       /* profile, or NULL */
	const struct sandbox_mount *devices;   /* further mounts of each RUN */
	size_t n_devices;
	struct resolv_options dns;	   /* its lists */
	struct strv add_hosts;		   /* "name:address" */
	const char *hostname;		   /* NULL: buildkitsandbox */
	const struct mount_seeder *seeder; /* or NULL */
	struct buf *explain;	     /* gets why steps were run, or NULL */
	struct cache_entries *cache; /* gets all results and keys, or NULL */
	struct debug_shell *debug_shell; /* for a RUN that fails, or NULL */
	const struct ssh_agents *ssh;	 /* or NULL */
	const struct strv *secrets;	 /* "id=..[,src=..|,env=..]" */
};

/*
 * Run every step; `results` has room for plan->n_steps and is indexed by step
 * id; the caller releases the layers. On failure the error carries the lines
 * to blame; steps that finished are in the cache all the same. ERROR_COMMAND:
 * `process "..." did not complete successfully: exit code: N`.
 */
int solve(const struct plan *plan, const struct solve_options *options,
	  struct step_result *results, struct error *err);

#endif
