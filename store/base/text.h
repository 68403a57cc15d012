/* Small questions about text that several modules ask. */
#ifndef STORE_BASE_TEXT_H
#define STORE_BASE_TEXT_H

#include <stddef.h>

/*
 * Edit distance (insert, delete, replace) between two strings, for "did you
 * mean". Strings longer than 64 bytes are far from everything.
 */
size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
