#include "builder/ui/excerpt.h"

#include <string.h>

/* A line is shown up to this many bytes. */
#define LINE_MAX_SHOWN 160

/* Start of the line after the one that starts at `at`; NULL at the end. */
static const char *next_line(const char *at, const char *end)
{
	const char *eol = memchr(at, '\n', (size_t)(end - at));

	return eol && eol + 1 < end ? eol + 1 : NULL;
}

static size_t line_length(const char *at, const char *end)
{
	const char *eol = memchr(at, '\n', (size_t)(end - at));
	size_t len = (size_t)((eol ? eol : end) - at);

	if (len && at[len - 1] == '\r')
		len--;
	return len < LINE_MAX_SHOWN ? len : LINE_MAX_SHOWN;
}

/* Terminal control characters in a foreign file must stay harmless. */
static void append_harmless(struct buf *out, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		buf_append_char(out, c < 0x20 && c != '\t' ? '?' : (char)c);
	}
}

static void append_marks(struct buf *out, const char *line, size_t len)
{
	size_t i, blank = 0;

	while (blank < len && (line[blank] == ' ' || line[blank] == '\t'))
		blank++;
	buf_append_str(out, "      | ");
	for (i = 0; i < len; i++)
		buf_append_char(out, i >= blank	       ? '^'
				     : line[i] == '\t' ? '\t'
						       : ' ');
	buf_append_char(out, '\n');
}

void excerpt_append(struct buf *out, const char *name, const char *text,
		    size_t len, int first_line, int last_line)
{
	const char *at = text, *end = text + len;
	int context = first_line == last_line ? 2 : 1, line;

	if (first_line < 1 || !len)
		return;
	buf_printf(out, "%s:%d\n", name, first_line);
	for (line = 1; at && line <= last_line + context;
	     line++, at = next_line(at, end)) {
		size_t shown;

		if (line < first_line - context)
			continue;
		shown = line_length(at, end);
		buf_printf(out, " %4d | ", line);
		append_harmless(out, at, shown);
		buf_append_char(out, '\n');
		if (line >= first_line && line <= last_line && shown)
			append_marks(out, at, shown);
	}
}
