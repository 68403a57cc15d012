/* Where the Dockerfile and the ignore file of a build come from. */
#ifndef BUILDER_DOCKERFILE_SOURCE_H
#define BUILDER_DOCKERFILE_SOURCE_H

#include "builder/context_place.h"

/*
 * Append the Dockerfile to `text` and set `*name` (the caller frees) to what
 * messages call it. `file` is what -f names: a file, of a context that was
 * fetched one in it; "-" for standard input; an http or https URL; NULL for
 * Dockerfile, or dockerfile, in the context.
 */
int dockerfile_read(const struct fetch_env *env,
		    const struct context_place *place, const char *file,
		    char **name, struct buf *text, struct error *err);

/*
 * Append the ignore file that counts: "<Dockerfile>.dockerignore" beside the
 * Dockerfile, else .dockerignore in the context's root. 1 with its `*name` (the
 * caller frees), 0 when there is none. Contexts that were fetched have none.
 * `dockerfile` is what dockerfile_read() called it; NULL: the context is one
 * without a Dockerfile.
 */
int ignorefile_find(const struct context_place *place, const char *file,
		    const char *dockerfile, char **name, struct buf *text,
		    struct error *err);

#endif
