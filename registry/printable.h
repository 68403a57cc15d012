/* Foreign text made harmless for messages and terminals. */
#ifndef REGISTRY_PRINTABLE_H
#define REGISTRY_PRINTABLE_H

#include <stddef.h>

/*
 * Write `len` bytes of `text` as one line into `buf` of `size` bytes (always
 * NUL-terminated): control characters and bytes that are not UTF-8 become
 * '?', runs of blanks and line ends one blank; what does not fit is cut
 * between characters. Returns `buf`.
 */
char *printable(char *buf, size_t size, const char *text, size_t len);

#endif
