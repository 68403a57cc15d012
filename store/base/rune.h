/*
 * Characters of UTF-8 text that may be anything: bytes that are no UTF-8
 * count as one character each.
 */
#ifndef STORE_BASE_RUNE_H
#define STORE_BASE_RUNE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `p`, at least 1; `p` must be below `end`. */
size_t rune_len(const char *p, const char *end);

/* Is the character at `p` whole and valid UTF-8? Its length goes to `*len`. */
bool rune_valid(const char *p, const char *end, size_t *len);

/* The part of blank_len() that is rarely needed. */
size_t blank_len_wide(const char *p, const char *end);

/*
 * Bytes of the white space character at `p` (Unicode's White_Space property),
 * 0 when there is none or `p` is `end`.
 */
static inline size_t blank_len(const char *p, const char *end)
{
	if (p >= end)
		return 0;
	if ((unsigned char)*p < 0x80)
		return *p == ' ' || (*p >= '\t' && *p <= '\r');
	return blank_len_wide(p, end);
}

/* Move `*p` forward and `*end` back over white space. */
void blank_trim(const char **p, const char **end);

/* First white space character at or after `p`, or `end`. */
const char *blank_find(const char *p, const char *end);

/* First character at or after `p` that is not white space, or `end`. */
const char *blank_skip(const char *p, const char *end);

#endif
