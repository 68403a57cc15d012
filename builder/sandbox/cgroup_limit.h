/* From limits to the files of control groups; for cgroup.c. */
#ifndef BUILDER_SANDBOX_CGROUP_LIMIT_H
#define BUILDER_SANDBOX_CGROUP_LIMIT_H

#include <stdbool.h>

#include "builder/sandbox/cgroup_place.h"
#include "builder/sandbox/sandbox.h"

/* A container's group in one hierarchy. */
struct cgroup_part {
	char *parent;
	char *path;
	int dir; /* holds the lock */
	int procs;
	bool is_v2;
	unsigned controllers; /* bits by enum cgroup_controller */
};

/* The controllers that limits need, a bit each. */
unsigned cgroup_limits_wanted(const struct sandbox_limits *limits);

/* Set what `which` limits. */
int cgroup_limit(const struct cgroup_part *p, enum cgroup_controller which,
		 const struct sandbox_limits *limits, struct error *err);

/* A small file of a group: write, -1 with errno; read, NULL or to be freed. */
int cgroup_write(int dir, const char *file, const char *text);
char *cgroup_read(int dir, const char *file);

#endif
