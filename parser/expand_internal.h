/* What the two halves of expansion share: text with quotes, and variables. */
#ifndef PARSER_EXPAND_INTERNAL_H
#define PARSER_EXPAND_INTERNAL_H

#include "parser/expand.h"
#include "store/base/buf.h"

/* A text being read. */
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

/* Tell what is wrong with the text. Returns -1. */
int expand_fail(struct expansion *x, const char *text);

/* Append to the word that `to` is at, as it stands. */
int expand_put(struct expansion *x, struct sink *to, const char *text,
	       size_t len);

/* Append what blanks split into words, where `to` takes words. */
int expand_put_splitting(struct expansion *x, struct sink *to, const char *text,
			 size_t len);

/*
 * Expand up to `stop`, which is consumed, or to the end for 0. Reaching the
 * end while looking for `stop` fails.
 */
int expand_until(struct expansion *x, char stop, struct sink *to);

/* expand_variable.c: the $name or ${...} at x->p. */
int expand_variable(struct expansion *x, struct sink *to);

#endif
