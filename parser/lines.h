/* A text as physical lines, counted from 1. */
#ifndef PARSER_LINES_H
#define PARSER_LINES_H

#include <stddef.h>

#include "store/base/error.h"

/* Longest line that is read, in bytes, without its newline. */
enum { MAX_LINE_BYTES = 65535 };

struct lines {
	const char *p;
	const char *end;
	int number; /* of the line read last; 0 before the first */
};

struct line {
	const char *text; /* not NUL-terminated */
	size_t len;	  /* without \r and \n at the end */
	size_t raw_len;	  /* with them */
};

/* Start reading; a byte order mark at the start is skipped. */
struct lines lines_of(const char *data, size_t size);

/*
 * The next line into `*ret`, pointing into the text. Returns 1, 0 at the end,
 * or -1 with ERROR_DOCKERFILE for a line that is too long.
 */
int lines_next(struct lines *lines, struct line *ret, struct error *err);

#endif
