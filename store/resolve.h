/*
 * Links of an image followed inside its root, over whatever can say what lies
 * at a path: a tree, or layers that are merged nowhere.
 */
#ifndef STORE_RESOLVE_H
#define STORE_RESOLVE_H

#include <stdbool.h>

#include "store/base/error.h"

/* Links followed for one path; what Linux allows. */
#define RESOLVE_LINKS_MAX 40

enum resolve_kind {
	RESOLVE_ABSENT,
	RESOLVE_DIR,
	RESOLVE_LINK,
	RESOLVE_OTHER,
};

struct resolver {
	/*
	 * What is at `path` (relative, cleaned, its parents free of links)?
	 * For a link `*target` is a copy for the caller. Returns -1 on error.
	 */
	int (*look)(void *ctx, const char *path, enum resolve_kind *kind,
		    char **target, struct error *err);
	void *ctx;
	bool strict; /* links that lead out of the root are ERROR_REFUSED */
};

/*
 * The path with all links resolved, relative and cleaned; the caller frees it.
 * Absolute links mean the root, ".." stops there. The last component is
 * followed if `follow`; components that do not exist stay as they are. A loop
 * or a file where a directory must be is ERROR_REFUSED.
 */
char *resolve_path(const struct resolver *r, const char *path, bool follow,
		   struct error *err);

#endif
