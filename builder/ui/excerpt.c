#include "builder/ui/excerpt.h"

#include <string.h>

/* A line is shown up to this many bytes. */
#define LINE_MAX_SHOWN 160

/* So many lines to blame are shown; a heredoc may have a million. */
#define MAX_BLAMED 10

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

/* Move to the line, or the end of the text: NULL. */
static const char *find_line(struct excerpt_source *s, int line)
{
	if (!s->at || s->line > line) {
		s->at = s->len ? s->text : NULL;
		s->line = 1;
	}
	for (; s->at && s->line < line; s->line++)
		s->at = next_line(s->at, s->text + s->len);
	return s->at;
}

static void append_line(struct buf *out, const char *at, const char *end,
			int line, bool blamed)
{
	size_t shown = line_length(at, end);

	buf_printf(out, " %4d | ", line);
	append_harmless(out, at, shown);
	buf_append_char(out, '\n');
	if (blamed && shown)
		append_marks(out, at, shown);
}

void excerpt_append(struct buf *out, struct excerpt_source *source,
		    int first_line, int last_line)
{
	int context = first_line == last_line ? 2 : 1, line;
	int hidden = last_line - first_line - MAX_BLAMED + 1;
	int last = hidden > 0 ? last_line - hidden : last_line + context;
	const char *at, *end = source->text + source->len;

	if (first_line < 1 || !source->len)
		return;
	buf_printf(out, "%s:%d\n", source->name, first_line);
	line = first_line > context ? first_line - context : 1;
	for (at = find_line(source, line); at && line <= last;
	     line++, at = next_line(at, end))
		append_line(out, at, end, line,
			    line >= first_line && line <= last_line);
	if (hidden > 0)
		buf_printf(out, "      | (and %d more line%s)\n", hidden,
			   hidden == 1 ? "" : "s");
}
