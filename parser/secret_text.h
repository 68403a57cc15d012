/*
 * Text that looks like a secret: keys in the forms that services give them,
 * private keys, and passwords in URLs. Pure.
 */
#ifndef PARSER_SECRET_TEXT_H
#define PARSER_SECRET_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct secret_text {
	size_t start; /* of the secret itself, in bytes */
	size_t len;
	const char *what; /* "a GitHub token" */
};

/* The first one in the text. */
bool secret_text_find(const char *text, size_t len, struct secret_text *ret);

#endif
