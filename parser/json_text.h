/* Text that may be anything as JSON strings, which must be UTF-8. */
#ifndef PARSER_JSON_TEXT_H
#define PARSER_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "store/base/strv.h"

/*
 * A string of `len` bytes; what is no UTF-8 becomes U+FFFD. NULL: no memory.
 */
json_t *json_text(const char *text, size_t len);

/* An array of them; NULL: no memory. */
json_t *json_texts(const struct strv *v);

#endif
