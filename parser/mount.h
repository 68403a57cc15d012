/*
 * The value of RUN --mount: comma-separated key=value fields of one of five
 * mount types. Pure.
 */
#ifndef PARSER_MOUNT_H
#define PARSER_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "parser/expand.h"
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
	SHARING_SHARED,
	SHARING_PRIVATE,
	SHARING_LOCKED,
};

/*
 * Strings are NULL when not given, except for these defaults, which need no
 * knowledge of the stage: for secret, `id` is the source or the base name of
 * the target, and the target is /run/secrets/<base name of id> unless `env`
 * is given; for ssh, `id` is "default". The target is as written: it may be
 * relative (to WORKDIR) and is not cleaned.
 */
struct mount_spec {
	enum mount_type type;
	char *target;
	char *source; /* NULL: the root of `from`. Never set for secret, ssh */
	char *from;
	char *id;  /* cache, secret, ssh; NULL for cache: the cleaned target */
	char *env; /* secret */
	bool readonly; /* after the defaults of the type */
	bool required; /* secret, ssh */
	enum mount_sharing sharing;
	uint64_t size_bytes; /* tmpfs; 0: no limit given */
	uint32_t mode;	     /* cache, secret, ssh; defaults filled in */
	uint32_t uid;
	uint32_t gid;
};

/*
 * Parse `value`. Each field's value is expanded with `env` on its own, so a
 * comma in a variable does not split; `from` is never expanded. With `env`
 * NULL this is a check ahead of time: values that hold a '$' are taken as
 * they are and what they decide is not judged, and the result is of use for
 * `type`, `from` and `target` only.
 *
 * ERROR_DOCKERFILE, or ERROR_NOMEM. `*ret` is for mount_spec_release().
 */
int mount_spec_parse(const char *value, char escape,
		     const struct expand_env *env, struct mount_spec *ret,
		     struct error *err);

void mount_spec_release(struct mount_spec *m);
DEFINE_RELEASE(struct mount_spec, mount_spec_release);

/* What the contents of a cache go by; borrowed. */
const char *mount_spec_cache_id(const struct mount_spec *m);

/* "bind", "cache", ... */
const char *mount_type_name(enum mount_type type);

#endif
