#include <ctype.h>
#include <string.h>

#include "parser/expand_internal.h"
#include "parser/substitute.h"
#include "store/base/rune.h"

/*
 * ${a//?/${a//?/...}} grows with the power of its depth, so what stands
 * within braces has a limit of its own; no environment variable is longer.
 */
enum {
	MAX_DEPTH = 200,
	MAX_OPERAND_BYTES = 256 << 10,
};

static bool is_special_parameter(char c)
{
	return c && strchr("@*#?-$!", c);
}

/*
 * Length of the name at x->p; 0 when there is none. Positional and special
 * parameters count as names that are never set (`*settable` is false).
 */
static size_t name_len(const struct expansion *x, bool *settable)
{
	const char *p = x->p;

	*settable = false;
	if (p < x->end && is_special_parameter(*p))
		return 1;
	if (p < x->end && isdigit((unsigned char)*p)) {
		while (p < x->end && isdigit((unsigned char)*p))
			p++;
		return (size_t)(p - x->p);
	}
	*settable = true;
	while (p < x->end && (isalnum((unsigned char)*p) || *p == '_'))
		p++;
	return (size_t)(p - x->p);
}

/* A name and its value, which is NULL when it is not set. */
struct variable {
	char *name;
	const char *value;
	bool settable;
};

static int take_variable(struct expansion *x, struct variable *ret)
{
	size_t len = name_len(x, &ret->settable);

	ret->name = strndup(x->p, len);
	if (!ret->name)
		return error_nomem(x->err, "expanding a word");
	x->p += len;
	ret->value = ret->settable && len > 0
			     ? x->env->lookup(x->env->ctx, ret->name)
			     : NULL;
	return 0;
}

/* The value as text, after telling about a name that is not set. */
static const char *value_or_empty(struct expansion *x, const struct variable *v)
{
	if (!v->value && v->settable && *v->name && x->env->unset)
		x->env->unset(x->env->ctx, v->name);
	return v->value ? v->value : "";
}

static int put_value(struct expansion *x, struct sink *to, const char *value)
{
	return expand_put_splitting(x, to, value, strlen(value));
}

/*
 * Expand up to `stop` into `*ret`, which the caller frees. Reaching the end
 * without it, also within a quote, is `missing`.
 */
static int take_operand(struct expansion *x, char stop, bool keep_escapes,
			const char *missing, char **ret)
{
	struct sink operand = { .text = BUF_INIT, .max = MAX_OPERAND_BYTES };
	bool saved = x->keep_escapes;
	int status;

	x->keep_escapes = saved || keep_escapes;
	status = expand_until(x, stop, &operand);
	x->keep_escapes = saved;
	if (status == 0)
		*ret = buf_steal_checked(&operand.text, "expanding a word",
					 x->err);
	buf_release(&operand.text);
	if (status == 0)
		return *ret ? 0 : -1;
	if (x->p == x->end && x->err->kind != ERROR_NOMEM)
		expand_fail(x, missing);
	return -1;
}

static const char missing_brace[] = "syntax error: missing '}'";

static int refuse_unset(struct expansion *x, const struct variable *v,
			bool empty_is_unset, const char *message)
{
	if (!*message)
		message = empty_is_unset ? "is not allowed to be empty"
					 : "is not allowed to be unset";
	return error_set(x->err, ERROR_DOCKERFILE, "%s: %s", v->name, message);
}

/* ${v-w} ${v+w} ${v?w}, and the same with a colon. */
static int expand_default(struct expansion *x, const struct variable *v,
			  char modifier, bool empty_is_unset, struct sink *to)
{
	bool set = v->value && !(empty_is_unset && !*v->value);
	autofree char *word = NULL;

	if (take_operand(x, '}', false, missing_brace, &word) < 0)
		return -1;
	if (modifier == '+')
		return set ? put_value(x, to, word) : 0;
	if (set)
		return put_value(x, to, v->value);
	if (modifier == '?')
		return refuse_unset(x, v, empty_is_unset, word);
	return put_value(x, to, word);
}

static int put_substituted(struct expansion *x, struct buf *text,
			   struct sink *to)
{
	if (buf_check(text, "expanding a word", x->err) < 0)
		return -1;
	return expand_put_splitting(x, to, text->data ? text->data : "",
				    text->len);
}

static int check_operand(struct expansion *x, const char *value)
{
	return strlen(value) > MAX_OPERAND_BYTES
		       ? expand_fail(x,
				     "the value is too long for a substitution")
		       : 0;
}

/* ${v#p} ${v##p} ${v%p} ${v%%p} */
static int expand_trim(struct expansion *x, const struct variable *v,
		       char modifier, struct sink *to)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	int flags = modifier == '%' ? TRIM_SUFFIX : 0;
	autofree char *word = NULL;
	const char *pattern, *value = value_or_empty(x, v);

	if (take_operand(x, '}', true, missing_brace, &word) < 0 ||
	    check_operand(x, value) < 0)
		return -1;
	pattern = word;
	if (*pattern == modifier) {
		flags |= TRIM_LONGEST;
		pattern++;
	}
	if (substitute_trim(&text, value, pattern, x->escape,
			    (enum trim_flags)flags, x->err) < 0)
		return -1;
	return put_substituted(x, &text, to);
}

/* ${v/p/r} ${v//p/r} */
static int expand_replace(struct expansion *x, const struct variable *v,
			  struct sink *to)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	autofree char *pattern = NULL, *replacement = NULL;
	const char *value = value_or_empty(x, v);
	bool all = x->p < x->end && *x->p == '/';

	x->p += all;
	if (take_operand(x, '/', true, "syntax error: missing '/' in ${}",
			 &pattern) < 0 ||
	    take_operand(x, '}', true, missing_brace, &replacement) < 0 ||
	    check_operand(x, value) < 0)
		return -1;
	if (substitute_replace(&text, value, pattern, x->escape, replacement,
			       all, MAX_OPERAND_BYTES, x->err) < 0)
		return -1;
	return put_substituted(x, &text, to);
}

/* An unknown modifier; with a colon its operand is judged first. */
static int refuse_modifier(struct expansion *x, bool colon)
{
	const char *start = x->p - colon;
	size_t len = rune_len(x->p, x->end);
	autofree char *operand = NULL;

	x->p += len;
	if (colon && take_operand(x, '}', false, missing_brace, &operand) < 0)
		return -1;
	return error_set(x->err, ERROR_DOCKERFILE,
			 "unsupported modifier (%.*s) in substitution",
			 (int)(len + colon), start);
}

/* What follows the name within ${}. */
static int expand_modifier(struct expansion *x, const struct variable *v,
			   struct sink *to)
{
	bool colon;
	char c;

	if (x->p == x->end)
		return expand_fail(x, missing_brace);
	colon = *x->p == ':';
	x->p += colon;
	if (x->p == x->end)
		return expand_fail(x, missing_brace);
	c = *x->p;
	if (c == '-' || c == '+' || c == '?') {
		x->p++;
		return expand_default(x, v, c, colon, to);
	}
	if (colon || !c || !strchr("}#%/", c))
		return refuse_modifier(x, colon);
	x->p++;
	if (c == '}')
		return put_value(x, to, value_or_empty(x, v));
	if (c == '/')
		return expand_replace(x, v, to);
	return expand_trim(x, v, c, to);
}

static int expand_braces(struct expansion *x, struct sink *to)
{
	struct variable v = { 0 };
	int status;

	x->p++;
	if (x->p == x->end)
		return expand_fail(x, missing_brace);
	if (strchr("{}:", *x->p))
		return expand_fail(x, "syntax error: bad substitution");
	if (++x->depth > MAX_DEPTH)
		return expand_fail(x, "substitutions are nested too deeply");
	status = take_variable(x, &v);
	if (status == 0)
		status = expand_modifier(x, &v, to);
	free(v.name);
	x->depth--;
	return status;
}

int expand_variable(struct expansion *x, struct sink *to)
{
	struct variable v = { 0 };
	bool settable;
	int status;

	x->p++;
	if (x->p < x->end && *x->p == '{')
		return expand_braces(x, to);
	if (name_len(x, &settable) == 0)
		return expand_put(x, to, "$", 1);
	if (take_variable(x, &v) < 0)
		return -1;
	status = put_value(x, to, value_or_empty(x, &v));
	free(v.name);
	return status;
}
