/*
 * Word expansion: $name, ${name<modifier>}, quotes and escapes, as the
 * Dockerfile reference defines them. Pure.
 *
 * Results are limited to 64 MiB, what stands within ${} to 256 KiB and nesting
 * to 200 levels, so that no input exhausts memory, time or the stack.
 */
#ifndef PARSER_EXPAND_H
#define PARSER_EXPAND_H

#include "store/base/error.h"
#include "store/base/strv.h"

/*
 * Where names get their values. `lookup` returns the value, or NULL when the
 * name is not set; the string stays valid during the expansion. Positional
 * and special parameters ($1, $@, ...) are never asked for: they are unset.
 */
struct expand_env {
	const char *(*lookup)(void *ctx, const char *name);
	void *ctx;
	/*
	 * Told every name that was asked for, is not set and has no modifier
	 * that says what to do then; may be NULL.
	 */
	void (*unset)(void *ctx, const char *name);
};

/* An environment over a "NAME=value" list; `env` is borrowed. */
struct expand_env expand_env_from_strv(const struct strv *env);

/*
 * Expand one word with quote removal; blanks in values do not split. Returns
 * a string that the caller frees, or NULL with ERROR_DOCKERFILE
 * ("failed to process \"WORD\": ...") or ERROR_NOMEM.
 */
char *expand_word(const char *word, char escape, const struct expand_env *env,
		  struct error *err);

/* The same, splitting unquoted results at blanks; appends to `ret`. */
int expand_words(const char *word, char escape, const struct expand_env *env,
		 struct strv *ret, struct error *err);

/*
 * Expand a heredoc body: names are replaced, quotes are data. The escape
 * character is always a backslash; it vanishes together with a newline behind
 * it and keeps any other character as it is. `*ret_len` is the length in
 * bytes (a body may hold NUL).
 */
char *expand_heredoc(const char *body, size_t len, const struct expand_env *env,
		     size_t *ret_len, struct error *err);

#endif
