/* Text that may be anything as JSON strings, which must be UTF-8. */
#ifndef STORE_BASE_JSON_TEXT_H
#define STORE_BASE_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "store/base/strv.h"

/*
 * A string; each byte that is no UTF-8 becomes U+FFFD, as other builders write
 * it. NULL: no memory.
 */
json_t *json_text(const char *text);
json_t *json_text_len(const char *text, size_t len);

/* An array of them; NULL: no memory. */
json_t *json_texts(const struct strv *v);

#endif
