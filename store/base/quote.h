/* Text in messages: quoted so that it stays on one line and printable. */
#ifndef STORE_BASE_QUOTE_H
#define STORE_BASE_QUOTE_H

#include "store/base/buf.h"

/*
 * Append `text` in double quotes, with \" \\ \n \t and \xNN escapes; bytes
 * that are no UTF-8 are shown as \xNN.
 */
void quote_append(struct buf *buf, const char *text, size_t len);

/* Storage for a quoted word in an error message; long words are cut. */
struct quoted {
	char text[512];
};

/* `text` quoted into `storage`; returns storage->text. */
const char *quote(struct quoted *storage, const char *text);
const char *quote_len(struct quoted *storage, const char *text, size_t len);

#endif
