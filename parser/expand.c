#include "parser/expand.h"

#include <ctype.h>
#include <string.h>

#include "parser/quote.h"
#include "parser/rune.h"
#include "parser/substitute.h"
#include "store/base/buf.h"

/*
 * ${a//?/${a//?/...}} grows with the power of its depth, so what stands
 * within braces has a limit of its own; no environment variable is longer.
 */
enum {
	MAX_DEPTH = 200,
	MAX_RESULT_BYTES = 64 << 20,
	MAX_OPERAND_BYTES = 256 << 10,
};

struct expansion {
	const char *p;
	const char *end;
	char escape;
	bool quotes_are_data; /* in heredocs */
	bool keep_escapes;    /* the text becomes a pattern */
	int depth;	      /* of ${ */
	const struct expand_env *env;
	struct error *err;
};

/* Where the result goes: one text, or words when `words` is not NULL. */
struct sink {
	struct buf text;
	size_t max; /* bytes of the text */
	struct strv *words;
	bool in_word;
};

static int fail(struct expansion *x, const char *text)
{
	return error_set(x->err, ERROR_DOCKERFILE, "%s", text);
}

static int put(struct expansion *x, struct sink *to, const char *text,
	       size_t len)
{
	if (to->text.len + len > to->max)
		return fail(x, "the result is too long");
	buf_append(&to->text, text, len);
	to->in_word = true;
	return buf_check(&to->text, "expanding a word", x->err);
}

static int end_word(struct expansion *x, struct sink *to)
{
	if (!to->in_word)
		return 0;
	strv_append_len(to->words, to->text.data ? to->text.data : "",
			to->text.len);
	buf_clear(&to->text);
	to->in_word = false;
	return strv_check(to->words, "expanding a word", x->err);
}

/* Text that blanks split where splitting is asked for. */
static int put_splitting(struct expansion *x, struct sink *to, const char *text,
			 size_t len)
{
	const char *p = text, *end = text + len;

	if (!to->words)
		return put(x, to, text, len);
	while (p < end) {
		const char *stop = blank_find(p, end);

		if (stop > p && put(x, to, p, (size_t)(stop - p)) < 0)
			return -1;
		p = blank_skip(stop, end);
		if (p > stop && end_word(x, to) < 0)
			return -1;
	}
	return 0;
}

static int put_rune(struct expansion *x, struct sink *to)
{
	size_t len = rune_len(x->p, x->end);
	const char *p = x->p;

	x->p += len;
	return put(x, to, p, len);
}

static int expand_until(struct expansion *x, char stop, struct sink *to);
static int expand_dollar(struct expansion *x, struct sink *to);

static int expand_single_quote(struct expansion *x, struct sink *to)
{
	const char *start = x->p + 1;
	const char *close = memchr(start, '\'', (size_t)(x->end - start));

	if (!close) {
		x->p = x->end;
		return fail(x, "unexpected end of statement while looking for "
			       "matching single-quote");
	}
	x->p = close + 1;
	return put(x, to, start, (size_t)(close - start));
}

/* An escape within "...": it only takes what is special there. */
static int expand_quoted_escape(struct expansion *x, struct sink *to)
{
	const char *mark = x->p++;

	if (x->p == x->end)
		return 0;
	if (*x->p != '"' && *x->p != '$' && *x->p != x->escape)
		return put(x, to, mark, 1);
	if (x->keep_escapes && put(x, to, mark, 1) < 0)
		return -1;
	return put_rune(x, to);
}

static int expand_double_quote(struct expansion *x, struct sink *to)
{
	/* Values do not split within quotes. */
	struct sink quoted = { .text = BUF_INIT, .max = to->max };
	int status = 0;

	x->p++;
	while (status == 0 && x->p < x->end && *x->p != '"') {
		if (*x->p == '$')
			status = expand_dollar(x, &quoted);
		else if (*x->p == x->escape)
			status = expand_quoted_escape(x, &quoted);
		else
			status = put_rune(x, &quoted);
	}
	if (status == 0 && x->p == x->end)
		status = fail(x, "unexpected end of statement while looking "
				 "for matching double-quote");
	if (status == 0) {
		x->p++;
		status = put(x, to, quoted.text.data ? quoted.text.data : "",
			     quoted.text.len);
	}
	buf_release(&quoted.text);
	return status;
}

/* An escape outside quotes takes the next character, whatever it is. */
static int expand_escape(struct expansion *x, struct sink *to)
{
	const char *mark = x->p++;

	if (x->keep_escapes && put(x, to, mark, 1) < 0)
		return -1;
	if (x->p == x->end)
		return 0;
	return put_rune(x, to);
}

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
	return put_splitting(x, to, value, strlen(value));
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
		return fail(x, missing);
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
	return put_splitting(x, to, text->data ? text->data : "", text->len);
}

static int check_operand(struct expansion *x, const char *value)
{
	return strlen(value) > MAX_OPERAND_BYTES
		       ? fail(x, "the value is too long for a substitution")
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
		return fail(x, missing_brace);
	colon = *x->p == ':';
	x->p += colon;
	if (x->p == x->end)
		return fail(x, missing_brace);
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
		return fail(x, missing_brace);
	if (strchr("{}:", *x->p))
		return fail(x, "syntax error: bad substitution");
	if (++x->depth > MAX_DEPTH)
		return fail(x, "substitutions are nested too deeply");
	status = take_variable(x, &v);
	if (status == 0)
		status = expand_modifier(x, &v, to);
	free(v.name);
	x->depth--;
	return status;
}

static int expand_dollar(struct expansion *x, struct sink *to)
{
	struct variable v = { 0 };
	bool settable;
	int status;

	x->p++;
	if (x->p < x->end && *x->p == '{')
		return expand_braces(x, to);
	if (name_len(x, &settable) == 0)
		return put(x, to, "$", 1);
	if (take_variable(x, &v) < 0)
		return -1;
	status = put_value(x, to, value_or_empty(x, &v));
	free(v.name);
	return status;
}

/* Bytes at x->p that mean themselves. */
static size_t plain_len(const struct expansion *x, char stop)
{
	const char *p = x->p;

	while (p < x->end && *p != '$' && *p != x->escape &&
	       !(stop && *p == stop) &&
	       (x->quotes_are_data || (*p != '\'' && *p != '"')))
		p++;
	return (size_t)(p - x->p);
}

/* One construct, or a stretch of plain text, at x->p. */
static int expand_one(struct expansion *x, char stop, struct sink *to)
{
	size_t len = plain_len(x, stop);

	if (len > 0) {
		x->p += len;
		return put_splitting(x, to, x->p - len, len);
	}
	if (*x->p == '$')
		return expand_dollar(x, to);
	if (*x->p == x->escape)
		return expand_escape(x, to);
	if (*x->p == '"')
		return expand_double_quote(x, to);
	return expand_single_quote(x, to);
}

/*
 * Expand up to `stop`, which is consumed, or to the end for 0. Reaching the
 * end while looking for `stop` fails.
 */
static int expand_until(struct expansion *x, char stop, struct sink *to)
{
	while (x->p < x->end) {
		if (stop && *x->p == stop) {
			x->p++;
			return 0;
		}
		if (expand_one(x, stop, to) < 0)
			return -1;
	}
	return stop ? fail(x, "unexpected end of statement") : 0;
}

static int wrap(struct error *err, const char *word, size_t len)
{
	struct quoted storage;

	if (err->kind == ERROR_NOMEM)
		return -1;
	return error_wrap(err, "failed to process %s",
			  quote_len(&storage, word, len));
}

char *expand_word(const char *word, char escape, const struct expand_env *env,
		  struct error *err)
{
	struct expansion x = {
		.p = word,
		.end = word + strlen(word),
		.escape = escape,
		.env = env,
		.err = err,
	};
	struct sink to = { .text = BUF_INIT, .max = MAX_RESULT_BYTES };
	char *result = NULL;

	if (expand_until(&x, 0, &to) < 0)
		wrap(err, word, strlen(word));
	else
		result = buf_steal_checked(&to.text, "expanding a word", err);
	buf_release(&to.text);
	return result;
}

int expand_words(const char *word, char escape, const struct expand_env *env,
		 struct strv *ret, struct error *err)
{
	struct expansion x = {
		.p = word,
		.end = word + strlen(word),
		.escape = escape,
		.env = env,
		.err = err,
	};
	struct sink to = { .text = BUF_INIT,
			   .max = MAX_RESULT_BYTES,
			   .words = ret };
	int status = expand_until(&x, 0, &to);

	if (status == 0)
		status = end_word(&x, &to);
	else
		wrap(err, word, strlen(word));
	buf_release(&to.text);
	return status;
}

char *expand_heredoc(const char *body, size_t len, const struct expand_env *env,
		     size_t *ret_len, struct error *err)
{
	struct expansion x = {
		.p = body,
		.end = body + len,
		.escape = '\\',
		.quotes_are_data = true,
		.env = env,
		.err = err,
	};
	struct sink to = { .text = BUF_INIT, .max = MAX_RESULT_BYTES };
	char *result = NULL;

	if (expand_until(&x, 0, &to) < 0) {
		wrap(err, body, len);
	} else {
		*ret_len = to.text.len;
		result =
			buf_steal_checked(&to.text, "expanding a heredoc", err);
	}
	buf_release(&to.text);
	return result;
}

static const char *lookup_strv(void *ctx, const char *name)
{
	return strv_env_get(ctx, name);
}

struct expand_env expand_env_from_strv(const struct strv *env)
{
	/* The list is only read; the field is shared with other lookups. */
	return (struct expand_env){ .lookup = lookup_strv, .ctx = (void *)env };
}
