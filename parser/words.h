/* How the text after a keyword falls into flags and words. */
#ifndef PARSER_WORDS_H
#define PARSER_WORDS_H

#include <stdbool.h>

#include "store/base/strv.h"

/* One of the bytes that separate words of an instruction. */
static inline bool is_word_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/*
 * Take the leading "--flag" words off: quotes are removed and the escape
 * character takes the next character. A lone "--" ends them. Returns where
 * the rest of [p, end) begins. Failed allocations stick in `flags`.
 */
const char *words_take_flags(const char *p, const char *end, char escape,
			     struct strv *flags);

/* Append what blanks separate, without regard to quotes. */
void words_split_blanks(const char *p, const char *end, struct strv *words);

/*
 * Append words in which quotes group and the escape character keeps the next
 * character with it; both stay in the word for the expansion. An escape
 * character at the end of the text is dropped; "" is a word.
 */
void words_split_quoted(const char *p, const char *end, char escape,
			struct strv *words);

#endif
