/*
 * .dockerignore patterns: cleaned lists and matching, order and negation
 * included. COPY/ADD --exclude uses the same patterns. Pure.
 */
#ifndef PARSER_IGNORE_H
#define PARSER_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"

/*
 * The cleaned patterns of an ignore file: BOM, comments and blank lines
 * dropped, paths cleaned, '!' kept in front. Appends to `patterns`, and the
 * line number of each to `lines` (an array the caller frees; NULL when not
 * wanted).
 */
int ignorefile_read(const char *data, size_t size, struct strv *patterns,
		    int **lines, struct error *err);

struct ignore;

/*
 * Compile cleaned patterns. ERROR_DOCKERFILE for a bad one, for example
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

/*
 * Go's filepath.Match over whole paths: '*' and '?' stop at '/', [a-z] [^a]
 * and \c as there. 1: match, 0: no match, -1: bad pattern.
 */
int glob_match(const char *pattern, const char *path);

/* Does the word hold an unescaped '*', '?' or '['? */
bool glob_has_magic(const char *word);

#endif
