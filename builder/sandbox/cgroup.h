/*
 * A container's control group: one directory in each hierarchy that a limit
 * needs, v1 or v2. The maker holds a lock on each, so that what is left behind
 * by one that was killed is known by its free lock.
 */
#ifndef BUILDER_SANDBOX_CGROUP_H
#define BUILDER_SANDBOX_CGROUP_H

#include <stdbool.h>

#include "builder/sandbox/sandbox.h"

struct cgroup;

/* Does any limit need a control group? */
bool cgroup_is_needed(const struct sandbox_limits *limits);

/*
 * Make a group with these limits. Errors name the controller that cannot be
 * had, why, and what to do.
 */
int cgroup_make(const struct sandbox_limits *limits, struct cgroup **ret,
		struct error *err);

/* Put the calling process in. */
int cgroup_join(const struct cgroup *g, struct error *err);

/* What its processes have used; leaves alone what is not accounted. */
void cgroup_usage(const struct cgroup *g, struct sandbox_result *result);

/* Remove it; its processes have ended. Accepts NULL. */
void cgroup_free(struct cgroup *g);
DEFINE_CLEANUP(struct cgroup *, cgroup_free);

/*
 * Remove the groups of builders that are no more, below `parent` (NULL: where
 * ours would be made). Failures are nobody's concern.
 */
void cgroup_sweep(const char *parent);

/*
 * Can limits be had? When not, `why` says what is missing; else it names the
 * controllers.
 */
bool cgroup_available(char *why, size_t size);

#endif
