/* "did you mean": the known name that a misspelt one is closest to. */
#ifndef PARSER_SUGGEST_H
#define PARSER_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name of `names` (`count` of them, NULL entries are skipped) whose edit
 * distance to `word` is below 3, of the nearest one the first with the same
 * letters, or that begins like it; NULL when there is none. With `any_case`,
 * letters compare without case.
 */
const char *suggest(const char *word, const char *const *names, size_t count,
		    bool any_case);

/* Storage for a hint: " (did you mean X?)". */
struct hint {
	char text[128];
};

/* The hint for `suggestion`, "" when that is NULL. */
const char *hint(struct hint *storage, const char *suggestion);

#endif
