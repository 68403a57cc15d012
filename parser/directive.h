/* Parser directives: the "# key=value" lines at the very top. */
#ifndef PARSER_DIRECTIVE_H
#define PARSER_DIRECTIVE_H

#include <stdbool.h>

#include "parser/lines.h"

struct directives {
	char *syntax; /* NULL when not given */
	char *check;
	char escape;
	bool escape_given;
	bool script; /* the file begins with "#!" */
	bool done; /* the directive block has ended */
};

#define DIRECTIVES_INIT                                                        \
	{                                                                      \
		.escape = '\\'                                                 \
	}

void directives_release(struct directives *d);

/*
 * Offer the next physical line. Returns 1 when it is a directive, 0 when not
 * (which ends the block: later lines are never directives; a "#!" line at the
 * top ends it for `escape` alone), -1 with
 * ERROR_DOCKERFILE or ERROR_NOMEM; the caller names the line.
 */
int directives_offer(struct directives *d, const struct line *line,
		     struct error *err);

#endif
