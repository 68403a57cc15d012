/*
 * One `RUN --mount=` value: CSV of keys and values, Dockerfile reference
 * "RUN --mount". Pure.
 */
#ifndef PARSER_MOUNT_H
#define PARSER_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

enum mount_type {
	MOUNT_BIND,
	MOUNT_CACHE,
	MOUNT_TMPFS,
	MOUNT_SECRET,
	MOUNT_SSH,
};

enum mount_sharing {
	MOUNT_SHARED,
	MOUNT_PRIVATE,
	MOUNT_LOCKED,
};

struct mount_spec {
	enum mount_type type;
	char *target; /* as written; NULL when not given */
	char *source;
	char *from;
	char *id;
	char *env; /* secret: variable instead of a file */
	bool read_only;
	bool required;
	enum mount_sharing sharing;
	uint64_t size_bytes; /* tmpfs; 0: default */
	int64_t mode;	     /* -1: not given */
	int64_t uid;	     /* -1: not given */
	int64_t gid;	     /* -1: not given */
};

/* Parse an expanded value. ERROR_DOCKERFILE in the reference's words. */
int mount_parse(const char *value, struct mount_spec *ret, struct error *err);
void mount_spec_release(struct mount_spec *m);
DEFINE_RELEASE(struct mount_spec, mount_spec_release);

#endif
