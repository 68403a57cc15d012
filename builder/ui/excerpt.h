/* The lines of a Dockerfile that an error or warning blames. */
#ifndef BUILDER_UI_EXCERPT_H
#define BUILDER_UI_EXCERPT_H

#include "store/base/buf.h"

/* A file to show lines of; lines that ascend are found without a new search. */
struct excerpt_source {
	const char *name;
	const char *text;
	size_t len;
	const char *at; /* a line found before, and its number; or NULL */
	int line;
};

/* Borrows all of it. */
static inline struct excerpt_source excerpt_source(const char *name,
						   const char *text, size_t len)
{
	return (struct excerpt_source){ name, text, len, NULL, 0 };
}

/*
 * Append
 *
 *     Dockerfile:4
 *       4 | COPY package.json ./
 *         | ^^^^^^^^^^^^^^^^^^^^
 *
 * with up to two lines of context around one line and one around several. Of
 * many lines the first ones are shown, and how many more there are. Lines count
 * from 1; nothing is appended for lines that do not exist.
 */
void excerpt_append(struct buf *out, struct excerpt_source *source,
		    int first_line, int last_line);

#endif
