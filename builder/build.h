/*
 * One build, from a Dockerfile to an image in the store: read the input, plan,
 * solve, assemble, name. Outputs are the caller's.
 */
#ifndef BUILDER_BUILD_H
#define BUILDER_BUILD_H

#include "builder/build_input.h"
#include "builder/plan.h"
#include "builder/solve.h"
#include "registry/registry.h"

struct build_options {
	struct build_input_options input;
	const char *target;
	const struct strv *build_args; /* NAME=value, or NAME: from the
					  environment */
	const struct strv *labels;     /* NAME=value */
	const struct strv *names;      /* full references to give */
	const struct strv *no_cache_stages;
	const char *platform; /* NULL: the machine's */
	bool no_cache;
	bool trial; /* nothing is published or named: it ends with the batch */
	bool rewrite_timestamp; /* clamp times in new layers to the epoch */
	bool inline_cache;	/* solve.cache goes into the image's config */
	/* What blobs the outputs are going to want, or NULL. */
	const struct layer_format *format;
	/* Whoever wants the layers while they are read for that, or NULL. */
	const struct image_watch *watch;
	bool pull;		    /* ask the registry for every base image */
	struct solve_options solve; /* limits, network, entitlements; the rest
				       is filled in */
};

struct ssh_agents;

/* What a build works with; all borrowed. */
struct build_env {
	struct batch *batch;
	struct registry *registry;
	struct spawner *spawner;
	struct progress *progress;
	struct cancel *cancel;
	const struct ssh_agents *ssh; /* those of --ssh, or NULL */
	unsigned *transfer_step; /* progress step of the registry's events */
};

struct build_result {
	struct image *image; /* saved, published and named */
	bool has_epoch;
	int64_t epoch;
	struct buf warnings;	  /* of the linter, one line each */
	struct strv cache_mounts; /* ids of those that RUNs mount */
};

void build_result_release(struct build_result *r);
DEFINE_RELEASE(struct build_result, build_result_release);

/* What to tell of a Dockerfile instead of building it (`--call`). */
enum build_call {
	BUILD_CALL_BUILD,
	BUILD_CALL_CHECK,
	BUILD_CALL_OUTLINE,
	BUILD_CALL_TARGETS,
};

/*
 * On failure what was done is kept in the cache, and `report` (never NULL)
 * gets what belongs under the error's line: the failed step's last output
 * and the lines to blame.
 */
int build_run(const struct build_options *options, const struct build_env *env,
	      struct build_result *ret, struct buf *report, struct error *err);

/*
 * Answer `call` in `out`, as text or JSON. `*status` is the exit status that
 * goes with it: 1 when the linter found something. Nothing is run; base
 * images are resolved for the linter where they can be reached.
 */
int build_tell(const struct build_options *options, const struct build_env *env,
	       enum build_call call, bool json, struct buf *out, int *status,
	       struct buf *report, struct error *err);

#endif
