/*
 * The patterns of ${name#p}, ${name%p} and ${name/p/r}: '*' is any text, '?'
 * one character, the escape character takes the next one literally.
 */
#ifndef PARSER_SUBSTITUTE_H
#define PARSER_SUBSTITUTE_H

#include "store/base/buf.h"

enum trim_flags {
	TRIM_SUFFIX = 1 << 0,  /* at the end of the value, not at its start */
	TRIM_LONGEST = 1 << 1, /* the longest match, not the shortest */
};

/* Append `value` without what `pattern` matches. 0, or -1: ERROR_NOMEM. */
int substitute_trim(struct buf *out, const char *value, const char *pattern,
		    char escape, enum trim_flags flags, struct error *err);

/*
 * Append `value` with the first match (all matches when `all`) of `pattern`
 * replaced by `text`. Matches are as long as possible; an empty one counts.
 * ERROR_DOCKERFILE when more than `max` bytes would be appended.
 */
int substitute_replace(struct buf *out, const char *value, const char *pattern,
		       char escape, const char *text, bool all, size_t max,
		       struct error *err);

#endif
