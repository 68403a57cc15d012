#include "parser/heredoc.h"

#include <limits.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/quote.h"
#include "store/base/rune.h"

void heredoc_markers_release(struct heredoc_markers *m)
{
	size_t i;

	for (i = 0; i < m->len; i++) {
		free(m->items[i].doc.name);
		free(m->items[i].doc.content);
	}
	free(m->items);
	*m = (struct heredoc_markers){ 0 };
}

/*
 * End of the word at `p`: quotes group, a backslash keeps the next character.
 * NULL when a quote is not closed.
 */
static const char *word_end(const char *p, const char *end)
{
	char quote = 0;

	for (; p < end && (quote || !blank_len(p, end)); p++) {
		if (*p == '\\' && quote != '\'') {
			if (p + 1 < end)
				p++;
		} else if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
		}
	}
	return quote ? NULL : p;
}

/* The delimiter that the word [p, end) spells, without quotes and escapes. */
static void unquote(const char *p, const char *end, struct buf *out)
{
	char quote = 0;

	for (; p < end; p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
			continue;
		}
		/* Within "..." a backslash only takes what is special there. */
		if (*p == '\\' && quote != '\'' && p + 1 < end &&
		    (!quote || strchr("\"$\\", p[1])))
			p++;
		else if (*p == '\\' && !quote)
			break;
		buf_append_char(out, *p);
	}
}

/* "<<" or "3<<-" at `p`: fills in fd and chomp, returns its end or NULL. */
static const char *marker_head(const char *p, const char *end,
			       struct heredoc *doc)
{
	long fd = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		fd = fd > INT_MAX / 10 - 1 ? INT_MAX : fd * 10 + (*p - '0');
	if (end - p < 2 || p[0] != '<' || p[1] != '<')
		return NULL;
	p += 2;
	doc->fd = (int)fd;
	doc->chomp = p < end && *p == '-';
	return p + doc->chomp;
}

/*
 * "<<" alone takes the next word as its delimiter. Shell syntax that only
 * looks like it, such as a shift, must not swallow the lines below.
 */
static bool plausible_delimiter(const char *p, const char *end)
{
	for (; p < end; p++)
		if (strchr("<>()|&;", *p))
			return false;
	return true;
}

/* Count $(( and )) to know whether "<<" is arithmetic. */
static void count_arithmetic(const char *p, const char *end, int *depth)
{
	for (; p + 1 < end; p++) {
		if (end - p >= 3 && !memcmp(p, "$((", 3)) {
			(*depth)++;
			p += 2;
		} else if (*depth > 0 && p[0] == ')' && p[1] == ')') {
			(*depth)--;
			p++;
		}
	}
}

static int add_marker(struct heredoc_markers *m, struct heredoc_marker *marker,
		      const char *delimiter, const char *end, struct error *err)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	size_t len = (size_t)(end - delimiter);
	struct heredoc_marker *items;

	unquote(delimiter, end, &name);
	marker->doc.expand = name.data && name.len == len &&
			     !memcmp(name.data, delimiter, len);
	items = reallocarray(m->items, m->len + 1, sizeof(*items));
	if (!items)
		return error_nomem(err, "reading heredocs");
	m->items = items;
	marker->doc.name = buf_steal_checked(&name, "reading heredocs", err);
	if (!marker->doc.name)
		return -1;
	m->items[m->len++] = *marker;
	return 0;
}

struct scan {
	const char *text;
	const char *p;
	const char *end;
	int arithmetic; /* depth of $(( */
};

/*
 * Judge the word [word, end) at the scan's position, which is moved behind it
 * and behind a delimiter that stands apart.
 */
static int scan_word(struct scan *s, const char *word, const char *end,
		     struct heredoc_markers *m, struct error *err)
{
	struct heredoc_marker marker = { .start = (size_t)(word - s->text) };
	const char *delimiter = marker_head(word, end, &marker.doc);

	s->p = end;
	if (!delimiter || s->arithmetic > 0)
		return 0;
	if (delimiter == end) {
		delimiter = blank_skip(end, s->end);
		end = word_end(delimiter, s->end);
		if (!end || delimiter == end ||
		    !plausible_delimiter(delimiter, end))
			return 0;
		s->p = end;
	}
	if (delimiter >= end ||
	    memchr(delimiter, '<', (size_t)(end - delimiter)))
		return 0;
	marker.end = (size_t)(end - s->text);
	return add_marker(m, &marker, delimiter, end, err);
}

/* Do all quotes of the text match? */
static bool quotes_match(const char *p, const char *end)
{
	for (p = blank_skip(p, end); p && p < end; p = blank_skip(p, end)) {
		p = word_end(p, end);
		if (!p)
			return false;
	}
	return true;
}

int heredoc_scan(const char *text, size_t len, struct heredoc_markers *ret,
		 struct error *err)
{
	AUTO(heredoc_markers_release) struct heredoc_markers m = { 0 };
	struct scan s = { .text = text, .p = text, .end = text + len };

	*ret = (struct heredoc_markers){ 0 };
	if (!memmem(text, len, "<<", 2) || !quotes_match(text, s.end))
		return 0;
	for (;;) {
		const char *word = blank_skip(s.p, s.end);
		const char *end = word_end(word, s.end);

		if (!end || word == s.end)
			break;
		if (scan_word(&s, word, end, &m, err) < 0)
			return -1;
		count_arithmetic(word, end, &s.arithmetic);
	}
	*ret = m;
	m = (struct heredoc_markers){ 0 };
	return 0;
}

static size_t count_tabs(const char *text, size_t len)
{
	size_t tabs = 0;

	while (tabs < len && text[tabs] == '\t')
		tabs++;
	return tabs;
}

static bool ends_body(const struct heredoc *doc, const struct line *line)
{
	size_t tabs = doc->chomp ? count_tabs(line->text, line->len) : 0;
	size_t len = line->len - tabs;

	return len == strlen(doc->name) &&
	       !memcmp(line->text + tabs, doc->name, len);
}

/* Is it the delimiter with blanks around? */
static bool almost_ends_body(const struct heredoc *doc, const struct line *line)
{
	const char *p = line->text, *end = p + line->len;

	blank_trim(&p, &end);
	return (size_t)(end - p) == strlen(doc->name) &&
	       !memcmp(p, doc->name, (size_t)(end - p));
}

/* The file ended within the body; line `near` looked like its end. */
static int refuse_end(const struct heredoc *doc, int near, struct error *err)
{
	struct quoted storage;

	if (near)
		return error_set(
			err, ERROR_DOCKERFILE,
			"unterminated heredoc: %s must be alone on its "
			"line, line %d has blanks too%s",
			quote(&storage, doc->name), near,
			doc->chomp ? "" : " (<<- allows tabs)");
	return error_set(err, ERROR_DOCKERFILE,
			 "unterminated heredoc: no line below is %s",
			 quote(&storage, doc->name));
}

int heredoc_read_body(struct heredoc *doc, struct lines *lines,
		      struct error *err)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	struct line line;
	int status, near = 0;

	while ((status = lines_next(lines, &line, err)) > 0) {
		if (!ends_body(doc, &line)) {
			if (!near && almost_ends_body(doc, &line))
				near = lines->number;
			buf_append(&body, line.text, line.raw_len);
			continue;
		}
		doc->content_len = body.len;
		doc->content =
			buf_steal_checked(&body, "reading a heredoc", err);
		return doc->content ? 0 : -1;
	}
	return status < 0 ? -1 : refuse_end(doc, near, err);
}

int heredoc_check_name(const struct heredoc *doc, struct error *err)
{
	const char *name = doc->name;

	if (*name && !strchr(name, '/') && strcmp(name, ".") &&
	    strcmp(name, ".."))
		return 0;
	return error_set(err, ERROR_DOCKERFILE,
			 "heredoc name \"%s\" cannot be a file name", name);
}

char *heredoc_body(const struct heredoc *doc, size_t *len, struct error *err)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	const char *p = doc->content, *end = p + doc->content_len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline ? newline + 1 : end;

		if (doc->chomp)
			p += count_tabs(p, (size_t)(next - p));
		buf_append(&out, p, (size_t)(next - p));
		p = next;
	}
	*len = out.len;
	return buf_steal_checked(&out, "reading a heredoc", err);
}

char *instruction_with_heredocs(const struct instruction *in, const char *first,
				struct error *err)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	size_t i;

	buf_append_str(&out, first);
	for (i = 0; i < in->n_heredocs; i++) {
		const struct heredoc *doc = &in->heredocs[i];

		buf_append_char(&out, '\n');
		buf_append(&out, doc->content, doc->content_len);
		buf_append_str(&out, doc->name);
	}
	return buf_steal_checked(&out, "joining heredocs", err);
}

const struct heredoc *instruction_heredoc_of(const struct instruction *in,
					     size_t arg)
{
	size_t i;

	if (in->kind != INSTR_ADD && in->kind != INSTR_COPY)
		return NULL;
	for (i = 0; i < in->n_heredocs; i++)
		if (in->heredocs[i].arg == arg)
			return &in->heredocs[i];
	return NULL;
}
