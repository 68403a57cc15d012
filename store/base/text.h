/* Small questions about text that several modules ask. */
#ifndef STORE_BASE_TEXT_H
#define STORE_BASE_TEXT_H

#include <stddef.h>

/*
 * Edit distance (insert, delete, replace) between two strings, for "did you
 * mean". Strings longer than 64 bytes are far from everything.
 */
size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* Turn the ASCII letters of `text` into small ones; NULL is left alone. */
void text_lower(char *text);

/*
 * `src` with such letters into `dst` of `size` bytes, cut when it is longer;
 * or with capital ones. Both return `dst`.
 */
char *text_copy_lower(char *dst, size_t size, const char *src);
char *text_copy_upper(char *dst, size_t size, const char *src);

#endif
