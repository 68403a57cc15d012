#include "parser/lint_scope.h"

#include <string.h>

#include "parser/suggest.h"

/*
 * So many names are looked at for a suggestion. Undefined names times defined
 * ones would be too much work in a file that has thousands of both.
 */
enum { MAX_COMPARED = 500 };

/* Values matter as names of images and as ports; ENV a=$a$a must not grow. */
enum { MAX_VALUE_BYTES = 4096 };

struct var {
	bool set;
	char value[];
};

void lint_scope_init(struct scope *s)
{
	*s = (struct scope){ .vars = map_new(free) };
	s->failed = !s->vars;
}

void lint_scope_release(struct scope *s)
{
	map_free(s->vars);
	strv_release(&s->names);
	lint_scope_forget_unset(s);
	*s = (struct scope){ 0 };
}

static const struct var *find(const struct scope *s, const char *name)
{
	const struct var *var = NULL;

	for (; s && !var; s = s->parent)
		if (s->vars)
			var = map_get(s->vars, name, strlen(name));
	return var;
}

bool lint_scope_declares(const struct scope *s, const char *name)
{
	return find(s, name);
}

const char *lint_scope_get(const struct scope *s, const char *name)
{
	const struct var *var = find(s, name);

	return var && var->set ? var->value : NULL;
}

void lint_scope_set(struct scope *s, const char *name, const char *value)
{
	size_t len = value ? strnlen(value, MAX_VALUE_BYTES) : 0;
	struct var *var = calloc(1, sizeof(*var) + len + 1);

	if (!var || !s->vars) {
		free(var);
		s->failed = true;
		return;
	}
	var->set = value;
	if (value)
		memcpy(var->value, value, len);
	if (!map_get(s->vars, name, strlen(name)))
		strv_append(&s->names, name);
	if (map_put(s->vars, name, strlen(name), var) < 0) {
		free(var);
		s->failed = true;
	}
	s->failed |= s->names.failed;
}

void lint_scope_inherit(struct scope *s, const struct scope *parent)
{
	s->parent = parent;
	s->complete = parent->complete;
	s->workdir_set = parent->workdir_set;
	s->shell_set = parent->shell_set;
}

const char *lint_scope_suggest(const struct scope *s, const char *name)
{
	size_t left = MAX_COMPARED;
	const char *near = NULL;

	for (; s && !near && left > 0; s = s->parent) {
		size_t count = s->names.len < left ? s->names.len : left;

		near = suggest(name, (const char *const *)s->names.items, count,
			       false);
		left -= count;
	}
	return near;
}

static const char *lookup(void *ctx, const char *name)
{
	return lint_scope_get(ctx, name);
}

/* Each name once. */
static void note_unset(void *ctx, const char *name)
{
	struct scope *s = ctx;
	size_t len = strlen(name);

	if (lint_scope_declares(s, name))
		return;
	if (!s->unset_names)
		s->unset_names = map_new(NULL);
	if (s->unset_names && map_get(s->unset_names, name, len))
		return;
	if (!s->unset_names || map_put(s->unset_names, name, len, s) < 0)
		s->failed = true;
	strv_append(&s->unset, name);
}

static struct expand_env env_of(struct scope *s)
{
	return (struct expand_env){ lookup, s, note_unset };
}

char *lint_scope_expand(struct scope *s, const char *word, char escape)
{
	struct expand_env env = env_of(s);
	struct error err = ERROR_INIT;
	char *result = expand_word(word, escape, &env, &err);

	/* A word that fails here fails in the build, with a better message. */
	s->failed |= s->unset.failed || (!result && err.kind == ERROR_NOMEM);
	return result;
}

void lint_scope_expand_heredoc(struct scope *s, const char *body, size_t len)
{
	struct expand_env env = env_of(s);
	struct error err = ERROR_INIT;
	size_t result_len;
	char *result = expand_heredoc(body, len, &env, &result_len, &err);

	s->failed |= s->unset.failed || (!result && err.kind == ERROR_NOMEM);
	free(result);
}

void lint_scope_forget_unset(struct scope *s)
{
	strv_release(&s->unset);
	map_free(s->unset_names);
	s->unset_names = NULL;
}
