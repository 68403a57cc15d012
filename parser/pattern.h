/*
 * One path pattern as in .dockerignore, COPY --exclude and COPY --parents:
 * parts are matched like Go's filepath.Match, "**" is any number of parts.
 * Paths and patterns are cleaned, relative and '/'-separated.
 */
#ifndef PARSER_PATTERN_H
#define PARSER_PATTERN_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

struct pattern;

/*
 * Compile `text`. ERROR_DOCKERFILE (`syntax error in pattern: "[a"`), or
 * ERROR_NOMEM.
 */
int pattern_new(const char *text, struct pattern **ret, struct error *err);
void pattern_free(struct pattern *p);
DEFINE_CLEANUP(struct pattern *, pattern_free);

/* Does it match `path` itself? */
bool pattern_matches(const struct pattern *p, const char *path);

/* Does it match `path` or a directory above it? */
bool pattern_covers(const struct pattern *p, const char *path);

/* Can it match anything below the directory `path`? */
bool pattern_reaches_below(const struct pattern *p, const char *path);

#endif
