/* Base64 (RFC 4648) as credentials use it. */
#ifndef REGISTRY_BASE64_H
#define REGISTRY_BASE64_H

#include "store/base/buf.h"

/* Append the encoding of `len` bytes. */
void base64_encode(const void *data, size_t len, struct buf *ret);

/*
 * Append what `text` encodes; padding may be missing, line breaks are
 * skipped. -1 when it is not base64.
 */
int base64_decode(const char *text, struct buf *ret);

#endif
