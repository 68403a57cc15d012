#include "parser/instruction.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "parser/json_form.h"
#include "parser/suggest.h"
#include "parser/words.h"
#include "store/base/buf.h"
#include "store/base/quote.h"
#include "store/base/rune.h"
#include "store/base/text.h"

/* What is left of a line, and how to read it. */
struct rest {
	const char *p;
	const char *end;
	char escape;
};

static const char *const names[] = {
	[INSTR_ADD] = "ADD",
	[INSTR_ARG] = "ARG",
	[INSTR_CMD] = "CMD",
	[INSTR_COPY] = "COPY",
	[INSTR_ENTRYPOINT] = "ENTRYPOINT",
	[INSTR_ENV] = "ENV",
	[INSTR_EXPOSE] = "EXPOSE",
	[INSTR_FROM] = "FROM",
	[INSTR_HEALTHCHECK] = "HEALTHCHECK",
	[INSTR_LABEL] = "LABEL",
	[INSTR_MAINTAINER] = "MAINTAINER",
	[INSTR_ONBUILD] = "ONBUILD",
	[INSTR_RUN] = "RUN",
	[INSTR_SHELL] = "SHELL",
	[INSTR_STOPSIGNAL] = "STOPSIGNAL",
	[INSTR_USER] = "USER",
	[INSTR_VOLUME] = "VOLUME",
	[INSTR_WORKDIR] = "WORKDIR",
};

const char *instruction_name(enum instruction_kind kind)
{
	return names[kind];
}

/* The kind that a keyword of any case names, or -1. */
static int find_kind(const char *keyword)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(keyword, names[i]))
			return (int)i;
	return -1;
}

/* What may have been meant by a line that begins like no instruction. */
static const char *guess_meaning(const char *keyword)
{
	if (!strncmp(keyword, "//", 2) || !strncmp(keyword, "--", 2))
		return " (comments begin with #)";
	if (!isalpha((unsigned char)*keyword))
		return " (a line that goes on needs a \"\\\" at the end of the "
		       "one above it)";
	if (strchr(keyword, '='))
		return " (variables are set by ENV)";
	return " (commands are run by RUN)";
}

static int refuse_unknown(const char *keyword, struct error *err)
{
	const char *near = suggest(keyword, names, ARRAY_LEN(names), true);
	char upper[256];
	struct hint storage;

	return error_set(err, ERROR_DOCKERFILE, "unknown instruction: %s%s",
			 text_copy_upper(upper, sizeof(upper), keyword),
			 near ? hint(&storage, near) : guess_meaning(keyword));
}

static int check_args(const struct instruction *in, struct error *err)
{
	return strv_check(&in->args, "reading an instruction", err);
}

/* The rest as one argument; none when it is empty. */
static int parse_text(struct instruction *in, const struct rest *rest,
		      struct error *err)
{
	if (rest->p < rest->end)
		strv_append_len(&in->args, rest->p,
				(size_t)(rest->end - rest->p));
	return check_args(in, err);
}

static int parse_blank_words(struct instruction *in, const struct rest *rest,
			     struct error *err)
{
	words_split_blanks(rest->p, rest->end, &in->args);
	return check_args(in, err);
}

/* 1 when the rest was a JSON array, 0 when not, -1 on errors. */
static int parse_json(struct instruction *in, const struct rest *rest,
		      struct error *err)
{
	int status = json_form_parse(rest->p, (size_t)(rest->end - rest->p),
				     &in->args, err);

	in->json = status > 0;
	return status;
}

static int parse_json_or_text(struct instruction *in, const struct rest *rest,
			      struct error *err)
{
	int status = parse_json(in, rest, err);

	return status ? status : parse_text(in, rest, err);
}

static int parse_json_or_words(struct instruction *in, const struct rest *rest,
			       struct error *err)
{
	int status = parse_json(in, rest, err);

	return status ? status : parse_blank_words(in, rest, err);
}

/* Hand the heredocs of the scanned markers over to the instruction. */
static int take_heredocs(struct instruction *in, struct heredoc_markers *m,
			 struct error *err)
{
	size_t i;

	if (m->len == 0)
		return 0;
	in->heredocs = calloc(m->len, sizeof(*in->heredocs));
	if (!in->heredocs)
		return error_nomem(err, "reading heredocs");
	for (i = 0; i < m->len; i++) {
		in->heredocs[i] = m->items[i].doc;
		m->items[i].doc = (struct heredoc){ 0 };
	}
	in->n_heredocs = m->len;
	return 0;
}

static int parse_run(struct instruction *in, const struct rest *rest,
		     struct error *err)
{
	AUTO(heredoc_markers_release) struct heredoc_markers m = { 0 };
	size_t len = (size_t)(rest->end - rest->p);
	int status = parse_json_or_text(in, rest, err);

	if (status < 0 || in->json)
		return status;
	if (heredoc_scan(rest->p, len, &m, err) < 0)
		return -1;
	in->script =
		m.len == 1 && m.items[0].start == 0 && m.items[0].end == len;
	return take_heredocs(in, &m, err);
}

/* Append a marker as one word, "<< X" as "<<X". */
static void append_marker(struct strv *args, const char *p, const char *end)
{
	AUTO(buf_release) struct buf word = BUF_INIT;
	const char *head = blank_find(p, end);
	const char *delimiter = blank_skip(head, end);

	/* "<<'a b'" has its first blank inside the delimiter. */
	if (strspn(p, "0123456789<-") < (size_t)(head - p))
		delimiter = head;
	buf_append(&word, p, (size_t)(head - p));
	buf_append(&word, delimiter, (size_t)(end - delimiter));
	strv_take(args, buf_steal(&word));
}

/*
 * Words of COPY and ADD, where a heredoc marker is one argument even when it
 * is written "<< X" or its delimiter holds blanks.
 */
static int split_around_markers(struct instruction *in, const struct rest *rest,
				struct heredoc_markers *m, struct error *err)
{
	const char *p = rest->p;
	size_t i;

	for (i = 0; i < m->len; i++) {
		struct heredoc_marker *marker = &m->items[i];
		const char *start = rest->p + marker->start;
		const char *end = rest->p + marker->end;

		words_split_blanks(p, start, &in->args);
		marker->doc.arg = in->args.len;
		append_marker(&in->args, start, end);
		for (p = end; p < rest->end && is_word_blank(*p);)
			p++;
	}
	words_split_blanks(p, rest->end, &in->args);
	return check_args(in, err);
}

static int parse_paths(struct instruction *in, const struct rest *rest,
		       struct error *err)
{
	AUTO(heredoc_markers_release) struct heredoc_markers m = { 0 };
	int status = parse_json(in, rest, err);

	if (status)
		return status;
	if (heredoc_scan(rest->p, (size_t)(rest->end - rest->p), &m, err) < 0 ||
	    split_around_markers(in, rest, &m, err) < 0)
		return -1;
	return take_heredocs(in, &m, err);
}

/* "KEY rest of line": the value is everything behind the first blanks. */
static int parse_legacy_pair(struct instruction *in, const struct rest *rest,
			     struct error *err)
{
	const char *p = rest->p;

	while (p < rest->end && !is_word_blank(*p))
		p++;
	if (p == rest->end)
		return error_set(err, ERROR_DOCKERFILE,
				 "%s must have two arguments, as in %s "
				 "NAME=VALUE",
				 names[in->kind], names[in->kind]);
	strv_append_len(&in->args, rest->p, (size_t)(p - rest->p));
	while (p < rest->end && is_word_blank(*p))
		p++;
	strv_append_len(&in->args, p, (size_t)(rest->end - p));
	in->legacy_pair = true;
	return check_args(in, err);
}

static int parse_pairs(struct instruction *in, const struct rest *rest,
		       struct error *err)
{
	AUTO(strv_release) struct strv words = STRV_INIT;
	struct quoted storage;
	size_t i;

	words_split_quoted(rest->p, rest->end, rest->escape, &words);
	if (strv_check(&words, "reading an instruction", err) < 0)
		return -1;
	if (words.len > 0 && !strchr(words.items[0], '='))
		return parse_legacy_pair(in, rest, err);
	for (i = 0; i < words.len; i++) {
		const char *word = words.items[i], *eq = strchr(word, '=');

		if (!eq)
			return error_set(err, ERROR_DOCKERFILE,
					 "Syntax error - can't find = in %s. "
					 "Must be of the form: name=value (%s)",
					 quote(&storage, word),
					 *word == '#'
						 ? "a comment needs a line of "
						   "its own"
						 : "quote a value with blanks");
		strv_append_len(&in->args, word, (size_t)(eq - word));
		strv_append(&in->args, eq + 1);
	}
	return check_args(in, err);
}

static int parse_names(struct instruction *in, const struct rest *rest,
		       struct error *err)
{
	words_split_quoted(rest->p, rest->end, rest->escape, &in->args);
	return check_args(in, err);
}

/* The type stands alone; what follows it is read like the rest of CMD. */
static int parse_healthcheck(struct instruction *in, const struct rest *rest,
			     struct error *err)
{
	const char *type_end = blank_find(rest->p, rest->end);
	struct rest command = { blank_skip(type_end, rest->end), rest->end,
				rest->escape };

	if (type_end == rest->p)
		return 0;
	strv_append_len(&in->args, rest->p, (size_t)(type_end - rest->p));
	return parse_json_or_text(in, &command, err);
}

/* Only one level: a chain of triggers is refused before it can nest. */
static int parse_onbuild(struct instruction *in, const struct rest *rest,
			 struct error *err)
{
	const char *word_end = blank_find(rest->p, rest->end);

	if (rest->p == rest->end)
		return 0;
	if (word_end - rest->p == 7 && !strncasecmp(rest->p, "ONBUILD", 7))
		return error_set(err, ERROR_DOCKERFILE,
				 "Chaining ONBUILD via `ONBUILD ONBUILD` isn't "
				 "allowed");
	in->onbuild = calloc(1, sizeof(*in->onbuild));
	if (!in->onbuild)
		return error_nomem(err, "reading an ONBUILD trigger");
	return instruction_parse(in->onbuild, rest->p,
				 (size_t)(rest->end - rest->p), rest->escape,
				 err);
}

/* How the arguments of each kind are read. */
static int (*const parsers[])(struct instruction *in, const struct rest *rest,
			      struct error *err) = {
	[INSTR_ADD] = parse_paths,
	[INSTR_ARG] = parse_names,
	[INSTR_CMD] = parse_json_or_text,
	[INSTR_COPY] = parse_paths,
	[INSTR_ENTRYPOINT] = parse_json_or_text,
	[INSTR_ENV] = parse_pairs,
	[INSTR_EXPOSE] = parse_blank_words,
	[INSTR_FROM] = parse_blank_words,
	[INSTR_HEALTHCHECK] = parse_healthcheck,
	[INSTR_LABEL] = parse_pairs,
	[INSTR_MAINTAINER] = parse_text,
	[INSTR_ONBUILD] = parse_onbuild,
	[INSTR_RUN] = parse_run,
	[INSTR_SHELL] = parse_json_or_text,
	[INSTR_STOPSIGNAL] = parse_text,
	[INSTR_USER] = parse_text,
	[INSTR_VOLUME] = parse_json_or_words,
	[INSTR_WORKDIR] = parse_text,
};

static int take_keyword(struct instruction *in, struct rest *rest,
			struct error *err)
{
	const char *start = rest->p;
	int kind;

	while (rest->p < rest->end && !is_word_blank(*rest->p))
		rest->p++;
	in->keyword = strndup(start, (size_t)(rest->p - start));
	if (!in->keyword)
		return error_nomem(err, "reading an instruction");
	kind = find_kind(in->keyword);
	if (kind < 0)
		return refuse_unknown(in->keyword, err);
	in->kind = (enum instruction_kind)kind;
	return 0;
}

int instruction_parse(struct instruction *in, const char *line, size_t len,
		      char escape, struct error *err)
{
	struct rest rest = { line, line + len, escape };

	blank_trim(&rest.p, &rest.end);
	in->text = strndup(rest.p, (size_t)(rest.end - rest.p));
	if (!in->text)
		return error_nomem(err, "reading an instruction");
	if (take_keyword(in, &rest, err) < 0)
		return -1;
	rest.p = words_take_flags(rest.p, rest.end, escape, &in->flags);
	if (strv_check(&in->flags, "reading flags", err) < 0)
		return -1;
	return parsers[in->kind](in, &rest, err);
}

void instruction_release(struct instruction *in)
{
	size_t i;

	free(in->keyword);
	free(in->text);
	strv_release(&in->flags);
	strv_release(&in->args);
	strv_release(&in->comments);
	for (i = 0; i < in->n_heredocs; i++) {
		free(in->heredocs[i].name);
		free(in->heredocs[i].content);
	}
	free(in->heredocs);
	if (in->onbuild)
		instruction_release(in->onbuild);
	free(in->onbuild);
}
