#include "parser/expand.h"

#include <string.h>

#include "parser/expand_internal.h"
#include "store/base/quote.h"
#include "store/base/rune.h"

#define MAX_RESULT_BYTES ((size_t)64 << 20)

int expand_fail(struct expansion *x, const char *text)
{
	return error_set(x->err, ERROR_DOCKERFILE, "%s", text);
}

int expand_put(struct expansion *x, struct sink *to, const char *text,
	       size_t len)
{
	if (to->text.len + len > to->max)
		return expand_fail(x, "the result is too long");
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

int expand_put_splitting(struct expansion *x, struct sink *to, const char *text,
			 size_t len)
{
	const char *p = text, *end = text + len;

	if (!to->words)
		return expand_put(x, to, text, len);
	while (p < end) {
		const char *stop = blank_find(p, end);

		if (stop > p && expand_put(x, to, p, (size_t)(stop - p)) < 0)
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
	return expand_put(x, to, p, len);
}

static int expand_single_quote(struct expansion *x, struct sink *to)
{
	const char *start = x->p + 1;
	const char *close = memchr(start, '\'', (size_t)(x->end - start));

	if (!close) {
		x->p = x->end;
		return expand_fail(
			x, "unexpected end of statement while looking for "
			   "matching single-quote");
	}
	x->p = close + 1;
	return expand_put(x, to, start, (size_t)(close - start));
}

/* An escape within "...": it only takes what is special there. */
static int expand_quoted_escape(struct expansion *x, struct sink *to)
{
	const char *mark = x->p++;

	if (x->p == x->end)
		return 0;
	if (*x->p != '"' && *x->p != '$' && *x->p != x->escape)
		return expand_put(x, to, mark, 1);
	if (x->keep_escapes && expand_put(x, to, mark, 1) < 0)
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
			status = expand_variable(x, &quoted);
		else if (*x->p == x->escape)
			status = expand_quoted_escape(x, &quoted);
		else
			status = put_rune(x, &quoted);
	}
	if (status == 0 && x->p == x->end)
		status = expand_fail(
			x, "unexpected end of statement while looking "
			   "for matching double-quote");
	if (status == 0) {
		x->p++;
		status = expand_put(x, to,
				    quoted.text.data ? quoted.text.data : "",
				    quoted.text.len);
	}
	buf_release(&quoted.text);
	return status;
}

/* An escape outside quotes takes the next character, whatever it is. */
static int expand_escape(struct expansion *x, struct sink *to)
{
	const char *mark = x->p++;

	if (x->keep_escapes && expand_put(x, to, mark, 1) < 0)
		return -1;
	if (x->p == x->end)
		return 0;
	return put_rune(x, to);
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
		return expand_put_splitting(x, to, x->p - len, len);
	}
	if (*x->p == '$')
		return expand_variable(x, to);
	if (*x->p == x->escape)
		return expand_escape(x, to);
	if (*x->p == '"')
		return expand_double_quote(x, to);
	return expand_single_quote(x, to);
}

int expand_until(struct expansion *x, char stop, struct sink *to)
{
	while (x->p < x->end) {
		if (stop && *x->p == stop) {
			x->p++;
			return 0;
		}
		if (expand_one(x, stop, to) < 0)
			return -1;
	}
	return stop ? expand_fail(x, "unexpected end of statement") : 0;
}

static struct expansion begin(const char *text, size_t len, char escape,
			      const struct expand_env *env, struct error *err)
{
	return (struct expansion){
		.p = text,
		.end = text + len,
		.escape = escape,
		.env = env,
		.err = err,
	};
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
	struct expansion x = begin(word, strlen(word), escape, env, err);
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
	struct expansion x = begin(word, strlen(word), escape, env, err);
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
	struct expansion x = begin(body, len, '\\', env, err);
	struct sink to = { .text = BUF_INIT, .max = MAX_RESULT_BYTES };
	char *result = NULL;

	x.quotes_are_data = true;
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
