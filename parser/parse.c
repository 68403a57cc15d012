#include "parser/dockerfile.h"

#include <string.h>

#include "parser/directive.h"
#include "parser/instruction.h"
#include "parser/lines.h"
#include "store/base/array.h"
#include "store/base/buf.h"
#include "store/base/rune.h"

struct parse {
	struct lines lines;
	struct directives directives;
	struct strv comments; /* directly above the next line */
	struct buf text;      /* the instruction so far, lines joined */
	bool empty_continuation;
	struct dockerfile *df;
	size_t capacity; /* of df->instructions */
};

static void parse_release(struct parse *p)
{
	directives_release(&p->directives);
	strv_release(&p->comments);
	buf_release(&p->text);
	dockerfile_free(p->df);
}
DEFINE_RELEASE(struct parse, parse_release);

void dockerfile_free(struct dockerfile *df)
{
	size_t i;

	if (!df)
		return;
	for (i = 0; i < df->len; i++)
		instruction_release(&df->instructions[i]);
	free(df->instructions);
	free(df->syntax);
	free(df->check);
	free(df);
}

static bool is_comment(const struct line *line)
{
	const char *end = line->text + line->len;
	const char *p = blank_skip(line->text, end);

	return p < end && *p == '#';
}

static bool is_blank(const struct line *line)
{
	const char *end = line->text + line->len;

	return blank_skip(line->text, end) == end;
}

/* Remember the text of a comment line. */
static void add_comment(struct parse *p, const struct line *line)
{
	const char *start = line->text, *end = start + line->len;

	blank_trim(&start, &end);
	start++;
	blank_trim(&start, &end);
	strv_append_len(&p->comments, start, (size_t)(end - start));
}

/*
 * Length of the line without a continuation mark, which is one escape
 * character (two are text) with nothing but blanks behind it.
 */
static size_t cut_continuation(const struct line *line, char escape,
			       bool *continued)
{
	const char *t = line->text;
	size_t len = line->len;

	while (len > 0 && (t[len - 1] == ' ' || t[len - 1] == '\t'))
		len--;
	*continued = len > 0 && t[len - 1] == escape &&
		     (len == 1 || t[len - 2] != escape);
	return *continued ? len - 1 : line->len;
}

/* Append a line to the instruction's text. 1: another line follows. */
static int append_line(struct parse *p, const struct line *line,
		       struct error *err)
{
	bool continued;
	size_t len = cut_continuation(line, p->directives.escape, &continued);

	if (memchr(line->text, '\0', line->len)) {
		error_set(err, ERROR_DOCKERFILE,
			  "a line must not hold a NUL character (a Dockerfile "
			  "is UTF-8 text)");
		return error_at_lines(err, p->lines.number, p->lines.number);
	}
	buf_append(&p->text, line->text, len);
	return continued;
}

/* Join the lines that follow `first` into p->text. */
static int join_lines(struct parse *p, struct line *first, struct error *err)
{
	const char *end = first->text + first->len;
	const char *start = blank_skip(first->text, end);
	struct line line = { start, (size_t)(end - start), 0 };
	int more = append_line(p, &line, err);

	while (more > 0) {
		int status = lines_next(&p->lines, &line, err);

		if (status <= 0)
			return status;
		if (is_comment(&line))
			continue;
		if (is_blank(&line)) {
			p->empty_continuation = true;
			continue;
		}
		more = append_line(p, &line, err);
	}
	return more;
}

/* Room for one more instruction, zeroed; it counts once it is whole. */
static struct instruction *new_instruction(struct parse *p, struct error *err)
{
	struct dockerfile *df = p->df;
	struct instruction *grown = array_room(df->instructions, df->len,
					       &p->capacity, sizeof(*grown));

	if (!grown) {
		error_nomem(err, "reading instructions");
		return NULL;
	}
	df->instructions = grown;
	grown = &df->instructions[df->len++];
	memset(grown, 0, sizeof(*grown));
	return grown;
}

static int read_bodies(struct parse *p, struct instruction *in,
		       struct error *err)
{
	size_t i;

	for (i = 0; i < in->n_heredocs; i++) {
		struct heredoc *doc = &in->heredocs[i];

		if (heredoc_read_body(doc, &p->lines, err) < 0)
			return -1;
		/* Such a body travels as an argument of a shell. */
		if (in->kind == INSTR_RUN &&
		    memchr(doc->content, '\0', doc->content_len))
			return error_set(err, ERROR_DOCKERFILE,
					 "a heredoc of RUN must not hold a NUL "
					 "character");
	}
	return 0;
}

static void set_lines(struct instruction *in, int first, int text_last,
		      int last)
{
	in->first_line = first;
	in->text_last_line = text_last;
	in->last_line = last;
	if (in->onbuild)
		set_lines(in->onbuild, first, text_last, last);
}

static int parse_joined(struct parse *p, struct instruction *in,
			struct error *err)
{
	if (buf_check(&p->text, "joining lines", err) < 0 ||
	    strv_check(&p->comments, "reading comments", err) < 0)
		return -1;
	in->comments = p->comments;
	p->comments = (struct strv)STRV_INIT;
	in->empty_continuation = p->empty_continuation;
	if (instruction_parse(in, p->text.data, p->text.len,
			      p->directives.escape, err) < 0)
		return -1;
	return read_bodies(p, in->onbuild ? in->onbuild : in, err);
}

/* One instruction that begins with `first`. */
static int read_instruction(struct parse *p, struct line *first,
			    struct error *err)
{
	int first_line = p->lines.number, text_last_line;
	struct instruction *in;

	buf_clear(&p->text);
	p->empty_continuation = false;
	if (join_lines(p, first, err) < 0)
		return -1;
	text_last_line = p->lines.number;
	in = new_instruction(p, err);
	if (!in)
		return -1;
	/* A heredoc without an end is not to blame for the rest of the file. */
	if (parse_joined(p, in, err) < 0)
		return error_at_lines(err, first_line, text_last_line);
	set_lines(in, first_line, text_last_line, p->lines.number);
	return 0;
}

static int read_line(struct parse *p, struct line *line, struct error *err)
{
	int status = directives_offer(&p->directives, line, err);

	if (status < 0)
		return error_at_lines(err, p->lines.number, p->lines.number);
	if (status > 0)
		return 0;
	if (is_comment(line)) {
		add_comment(p, line);
		return 0;
	}
	if (is_blank(line)) {
		strv_release(&p->comments);
		return 0;
	}
	return read_instruction(p, line, err);
}

static int read_all(struct parse *p, struct error *err)
{
	struct line line;
	int status;

	while ((status = lines_next(&p->lines, &line, err)) > 0)
		if (read_line(p, &line, err) < 0)
			return -1;
	if (status < 0)
		return -1;
	if (p->df->len == 0) {
		/* A byte order mark alone has no line at all. */
		int last = p->lines.number ? p->lines.number : 1;

		error_set(err, ERROR_DOCKERFILE, "file with no instructions");
		return error_at_lines(err, last, last);
	}
	return 0;
}

int dockerfile_parse(const char *data, size_t size, struct dockerfile **ret,
		     struct error *err)
{
	AUTO(parse_release)
	struct parse p = {
		.directives = DIRECTIVES_INIT,
	};

	if (size == 0) {
		error_set(err, ERROR_DOCKERFILE,
			  "the Dockerfile cannot be empty");
		return error_at_lines(err, 1, 1);
	}
	p.lines = lines_of(data, size);
	p.df = calloc(1, sizeof(*p.df));
	if (!p.df)
		return error_nomem(err, "reading a Dockerfile");
	if (read_all(&p, err) < 0)
		return -1;
	p.df->syntax = steal_pointer(&p.directives.syntax);
	p.df->check = steal_pointer(&p.directives.check);
	p.df->escape = p.directives.escape;
	*ret = steal_pointer(&p.df);
	return 0;
}

int dockerfile_parse_trigger(const char *text, struct dockerfile **ret,
			     struct error *err)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	enum instruction_kind kind;

	if (dockerfile_parse(text, strlen(text), &df, err) < 0)
		return -1;
	if (df->len != 1)
		return error_set(err, ERROR_DOCKERFILE,
				 "onbuild trigger should be a single "
				 "expression");
	kind = df->instructions[0].kind;
	if (kind == INSTR_ONBUILD || kind == INSTR_FROM ||
	    kind == INSTR_MAINTAINER)
		return error_set(err, ERROR_DOCKERFILE,
				 "%s isn't allowed as an ONBUILD trigger",
				 instruction_name(kind));
	*ret = steal_pointer(&df);
	return 0;
}

bool dockerfile_lines_ascend(const struct dockerfile *df)
{
	int previous = 0;
	size_t i;

	for (i = 0; i < df->len; i++) {
		const struct instruction *in = &df->instructions[i];

		if (in->first_line <= previous ||
		    in->last_line < in->first_line)
			return false;
		previous = in->last_line;
	}
	return true;
}
