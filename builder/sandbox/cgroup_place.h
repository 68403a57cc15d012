/* Where in the control group file systems this process may make groups. */
#ifndef BUILDER_SANDBOX_CGROUP_PLACE_H
#define BUILDER_SANDBOX_CGROUP_PLACE_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_CPU,
	CGROUP_CPUSET,
	CGROUP_PIDS,
	CGROUP_IO,
	CGROUP_CONTROLLERS,
};

/* "memory", "cpu", "cpuset", "pids", "io"; the last is "blkio" on v1. */
const char *cgroup_controller_name(enum cgroup_controller which, bool is_v2);

/*
 * For each controller the directory to make groups in, or NULL with the
 * reason in `missing`. On v1 that is the group this process is in; on v2,
 * where a group with processes can have no children with limits, the one
 * above, or the root.
 */
struct cgroup_places {
	struct cgroup_place {
		char *path;
		bool is_v2;
		char missing[160];
	} of[CGROUP_CONTROLLERS];
};

/* `parent` (a path in the hierarchies, or NULL) takes the place of our own. */
int cgroup_places_find(const char *parent, struct cgroup_places *ret,
		       struct error *err);
void cgroup_places_release(struct cgroup_places *p);
DEFINE_RELEASE(struct cgroup_places, cgroup_places_release);

#endif
