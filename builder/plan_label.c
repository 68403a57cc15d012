#include "builder/plan_label.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "registry/url.h"

#define WHAT "labelling steps"

/* Length of the name at `s`, 0 when there is none. */
static size_t name_length(const char *s)
{
	size_t len = 0;

	while (isalnum((unsigned char)s[len]) || s[len] == '_')
		len++;
	return isdigit((unsigned char)s[0]) ? 0 : len;
}

/*
 * Append the value of the variable at `s` ("$X" or "${X}") and return what
 * follows it; NULL when it is something else or not set.
 */
static const char *append_variable(struct buf *out, const char *s,
				   const struct vars *env)
{
	bool braced = s[1] == '{';
	const char *start = s + 1 + braced;
	size_t len = name_length(start);
	autofree char *name = NULL;
	const char *value;

	if (!len || (braced && start[len] != '}'))
		return NULL;
	name = strndup(start, len);
	value = name ? vars_get(env, name) : NULL;
	if (!value)
		return NULL;
	buf_append_str(out, value);
	return start + len + braced;
}

/*
 * RUN text belongs to the shell, so only known names outside single quotes
 * are replaced and everything else stays as it was written.
 */
static void append_run_text(struct buf *out, const char *text,
			    const struct vars *env)
{
	bool quoted = false;

	while (*text) {
		const char *after = NULL;

		if (*text == '\'')
			quoted = !quoted;
		if (*text == '$' && !quoted)
			after = append_variable(out, text, env);
		if (*text == '\\' && !quoted && text[1])
			buf_append_char(out, *text++);
		if (!after)
			buf_append_char(out, *text);
		text = after ? after : text + 1;
	}
}

/* " (first line...)" of a RUN that is nothing but a heredoc. */
static void append_summary(struct buf *out, const struct instruction *in)
{
	const char *body, *end;

	if (!in->script)
		return;
	body = in->heredocs[0].content;
	body += strspn(body, " \t\r\n");
	end = body + strcspn(body, "\r\n");
	buf_append_str(out, " (");
	buf_append(out, body, end - body);
	end += strspn(end, " \t\r\n");
	buf_append_str(out, *end ? "...)" : ")");
}

char *label_text(const struct planner *pl, const struct stage_state *st,
		 const struct command *c, struct error *err)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	const struct instruction *in = c->in;
	struct error ignored = ERROR_INIT;
	autofree char *expanded = NULL;
	size_t start, i;

	if (c->trigger)
		buf_append_str(&out, "ONBUILD ");
	start = out.len;
	if (in->kind == INSTR_RUN) {
		append_run_text(&out, in->text, &st->env);
		append_summary(&out, in);
	} else {
		expanded = scope_expand(pl, st, in->text, &ignored);
		url_redact(&out, expanded ? expanded : in->text);
	}
	for (i = start; i < out.len && isalpha((unsigned char)out.data[i]); i++)
		out.data[i] = (char)toupper((unsigned char)out.data[i]);
	return buf_steal_checked(&out, WHAT, err);
}

/* A lone stage goes without its name. */
static void append_stage_name(struct buf *out, const struct planner *pl,
			      const struct stage *stage)
{
	if (pl->n_states == 1 && !pl->other_sources)
		return;
	if (stage->name)
		buf_printf(out, "%s ", stage->name);
	else
		buf_printf(out, "stage-%zu ", stage->index);
}

static char *bracketed(const struct planner *pl, const struct stage *stage,
		       size_t number, size_t total, const char *text,
		       struct error *err)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	char platform[PLATFORM_TEXT_SIZE];
	int width = snprintf(NULL, 0, "%zu", total);

	buf_append_char(&out, '[');
	if (pl->options->many_platforms)
		buf_printf(&out, "%s ",
			   platform_format(&stage->platform, platform));
	append_stage_name(&out, pl, stage);
	buf_printf(&out, "%*zu/%zu] %s", width, number, total, text);
	return buf_steal_checked(&out, WHAT, err);
}

static int label_base(struct planner *pl, struct stage_state *st, size_t total,
		      struct error *err)
{
	autofree char *text = NULL;

	if (asprintf(&text, "FROM %s", st->base.wanted->name) < 0) {
		text = NULL;
		return error_nomem(err, WHAT);
	}
	st->stage->base_label = bracketed(pl, st->stage, 1, total, text, err);
	return st->stage->base_label ? 0 : -1;
}

/* The base image counts as the first step. */
int label_stage(struct planner *pl, struct stage_state *st, size_t first_step,
		struct error *err)
{
	const struct plan *p = pl->plan;
	bool image =
		st->base.wanted && ref_source(&st->base).kind == SOURCE_IMAGE;
	size_t total = p->n_steps - first_step + image, number = image, i;

	if (image && label_base(pl, st, total, err) < 0)
		return -1;
	for (i = first_step; i < p->n_steps; i++) {
		struct step *step = p->steps[i];
		char *label;

		label = bracketed(pl, st->stage, ++number, total, step->label,
				  err);
		if (!label)
			return -1;
		free(step->label);
		step->label = label;
	}
	return 0;
}
