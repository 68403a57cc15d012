/*
 * Here-documents: "<<NAME" markers on a line and the bodies below it.
 */
#ifndef PARSER_HEREDOC_H
#define PARSER_HEREDOC_H

#include <stddef.h>

#include "parser/dockerfile.h"
#include "parser/lines.h"

/* A marker as found in a line; `doc.content` is still missing. */
struct heredoc_marker {
	size_t start; /* offsets of its text in the line, "<< X" included */
	size_t end;
	struct heredoc doc;
};

struct heredoc_markers {
	struct heredoc_marker *items;
	size_t len;
};

void heredoc_markers_release(struct heredoc_markers *m);
DEFINE_RELEASE(struct heredoc_markers, heredoc_markers_release);

/*
 * Find the markers among the words of a line. A line whose quotes do not
 * match has none. Returns 0, or -1 with ERROR_NOMEM.
 */
int heredoc_scan(const char *text, size_t len, struct heredoc_markers *ret,
		 struct error *err);

/*
 * Read the body of `doc` from `lines` up to its delimiter. ERROR_DOCKERFILE
 * ("unterminated heredoc", or a line that is too long) or ERROR_NOMEM.
 */
int heredoc_read_body(struct heredoc *doc, struct lines *lines,
		      struct error *err);

#endif
