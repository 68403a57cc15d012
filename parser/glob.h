/*
 * Go's filepath.Match: '*' is any text and '?' one character, both without
 * '/'; [a-z] and [^a-z] one character of a set (here without '/' as well); a
 * backslash takes the next character literally.
 */
#ifndef PARSER_GLOB_H
#define PARSER_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Is the pattern well-formed? */
bool glob_valid(const char *pattern, size_t len);

/* Does a well-formed pattern match the whole text? */
bool glob_matches(const char *pattern, size_t pattern_len, const char *text,
		  size_t text_len);

/* 1: match, 0: no match, -1: bad pattern. */
int glob_match(const char *pattern, const char *path);

/* Does the word hold an unescaped '*', '?' or '['? */
bool glob_has_magic(const char *word);

#endif
