#include "parser/lines.h"

#include <string.h>

struct lines lines_of(const char *data, size_t size)
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };
	struct lines lines = { data, data + size, 0 };

	if (size >= sizeof(mark) && !memcmp(data, mark, sizeof(mark)))
		lines.p += sizeof(mark);
	return lines;
}

int lines_next(struct lines *lines, struct line *ret, struct error *err)
{
	size_t left = (size_t)(lines->end - lines->p), len;
	const char *newline;

	if (left == 0)
		return 0;
	lines->number++;
	newline = memchr(lines->p, '\n', left);
	len = newline ? (size_t)(newline - lines->p) : left;
	if (len > MAX_LINE_BYTES) {
		error_set(err, ERROR_DOCKERFILE,
			  "dockerfile line greater than max allowed size of "
			  "%d",
			  MAX_LINE_BYTES);
		return error_at_lines(err, lines->number, lines->number);
	}
	ret->text = lines->p;
	ret->raw_len = newline ? len + 1 : len;
	while (len > 0 && ret->text[len - 1] == '\r')
		len--;
	ret->len = len;
	lines->p += ret->raw_len;
	return 1;
}
