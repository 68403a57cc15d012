/*
 * What names mean at a point of a Dockerfile, as far as the text and the facts
 * tell: the linter's model of ARG and ENV.
 */
#ifndef PARSER_LINT_SCOPE_H
#define PARSER_LINT_SCOPE_H

#include "parser/expand.h"
#include "store/base/map.h"

struct scope {
	const struct scope *parent; /* the base stage's, finished */
	struct map *vars;  /* own: name to value or to "declared, not set" */
	struct strv names; /* of own vars, for suggestions */
	struct strv
		unset; /* asked for in vain since lint_scope_forget_unset() */
	struct map *unset_names; /* the same, to have each once */
	bool complete;	  /* no base image with unknown variables below */
	bool workdir_set; /* some WORKDIR was absolute */
	bool shell_set;
	bool failed; /* out of memory */
};

void lint_scope_init(struct scope *s);
void lint_scope_release(struct scope *s);

/* Begin with all that `parent` has, which must outlive `s`. */
void lint_scope_inherit(struct scope *s, const struct scope *parent);

/* Set `name`; a NULL value declares it only. */
void lint_scope_set(struct scope *s, const char *name, const char *value);

/* A declared name that is close to `name`, or NULL. */
const char *lint_scope_suggest(const struct scope *s, const char *name);

bool lint_scope_declares(const struct scope *s, const char *name);

/* Value, or NULL when it is not set. */
const char *lint_scope_get(const struct scope *s, const char *name);

/*
 * Expand with this scope. Names that are not declared are noted in `unset`.
 * NULL only when out of memory or for a word that cannot be expanded.
 */
char *lint_scope_expand(struct scope *s, const char *word, char escape);

/* The same for the unquoted body of a heredoc, only for what it notes. */
void lint_scope_expand_heredoc(struct scope *s, const char *body, size_t len);

void lint_scope_forget_unset(struct scope *s);

#endif
