/*
 * .dockerignore patterns: cleaned lists and matching, order and negation
 * included. COPY/ADD --exclude uses the same patterns. Pure.
 */
#ifndef PARSER_IGNORE_H
#define PARSER_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "parser/glob.h" /* with its glob_match(), glob_has_magic() */
#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"

/*
 * The cleaned patterns of an ignore file: BOM, comments and blank lines
 * dropped, paths cleaned, '!' kept in front. Appends to `patterns`, and the
 * line number of each to `lines` (an array the caller frees; NULL when not
 * wanted). ERROR_DOCKERFILE for a line with a NUL, or ERROR_NOMEM.
 */
int ignorefile_read(const char *data, size_t size, struct strv *patterns,
		    int **lines, struct error *err);

/*
 * One pattern cleaned like that: trimmed, "!" kept in front, no leading slash,
 * "" for a blank one. NULL when out of memory; the caller frees.
 */
char *ignore_clean(const char *text);

struct ignore;

/*
 * Compile patterns, which are cleaned once more; an empty one never matches.
 * ERROR_DOCKERFILE for a bad one, for example
 * `illegal exclusion pattern: "!"` or `syntax error in pattern: "[a"`.
 */
int ignore_new(const struct strv *patterns, struct ignore **ret,
	       struct error *err);
void ignore_free(struct ignore *ig);
DEFINE_CLEANUP(struct ignore *, ignore_free);

/*
 * Is `path` (cleaned, relative, '/'-separated) excluded? Parents count: a
 * match on a directory covers everything below, until a later '!' pattern
 * matches. `*index` (when not NULL) is the deciding pattern or -1.
 */
bool ignore_match(const struct ignore *ig, const char *path, ptrdiff_t *index);

/*
 * May a '!' pattern re-include something below the excluded directory `path`?
 * false lets a walk skip the directory whole.
 */
bool ignore_may_include_below(const struct ignore *ig, const char *path);

#endif
