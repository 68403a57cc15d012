/* The exec form: a JSON array of strings as the arguments. */
#ifndef PARSER_JSON_FORM_H
#define PARSER_JSON_FORM_H

#include <stddef.h>

#include "store/base/error.h"
#include "store/base/strv.h"

/*
 * Read `len` bytes as one JSON array of strings. Returns 1 with the strings
 * appended to `ret`, 0 when the text is no JSON array (the caller takes it as
 * shell form; `ret` is untouched), or -1: valid JSON with an element that is
 * no string (ERROR_DOCKERFILE), or ERROR_NOMEM.
 */
int json_form_parse(const char *text, size_t len, struct strv *ret,
		    struct error *err);

#endif
