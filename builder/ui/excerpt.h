/* The lines of a Dockerfile that an error or warning blames. */
#ifndef BUILDER_UI_EXCERPT_H
#define BUILDER_UI_EXCERPT_H

#include "store/base/buf.h"

/*
 * Append
 *
 *     Dockerfile:4
 *       4 | COPY package.json ./
 *         | ^^^^^^^^^^^^^^^^^^^^
 *
 * with up to two lines of context around one line and one around several.
 * Lines count from 1; nothing is appended for lines that do not exist.
 */
void excerpt_append(struct buf *out, const char *name, const char *text,
		    size_t len, int first_line, int last_line);

#endif
