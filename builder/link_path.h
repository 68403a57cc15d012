/*
 * Following links in a path, whatever the files lie in: every component is
 * asked for, links are put in front of what remains, ".." stops at the root.
 */
#ifndef BUILDER_LINK_PATH_H
#define BUILDER_LINK_PATH_H

#include <stdbool.h>

#include "store/base/error.h"

struct link_look {
	enum { LOOK_ABSENT, LOOK_DIR, LOOK_LINK, LOOK_OTHER } type;
	const char *target; /* of a link; valid until the next look */
	bool watched;	    /* tell when this link climbs above the root */
};

/*
 * Resolve `path` (absolute or relative to the root). `look` tells what lies
 * at a path whose parents hold no links. The last component is followed when
 * `follow`. Returns 1 when all of it exists, 0 when not: the rest of the path
 * is then taken as it is written; -1 (ELOOP, what `look` said, no memory).
 *
 * `*resolved` (for the caller to free) is cleaned and relative, "" for the
 * root. `*climbs` (may be NULL) becomes true when a watched link has more ".."
 * than there are directories above it.
 */
int link_path_resolve(const char *path, bool follow,
		      int (*look)(void *ctx, const char *path,
				  struct link_look *ret, struct error *err),
		      void *ctx, char **resolved, bool *climbs,
		      struct error *err);

#endif
