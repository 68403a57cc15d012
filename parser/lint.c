#include "parser/lint.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "parser/lint_internal.h"
#include "store/base/buf.h"
#include "store/base/rune.h"
#include "store/base/text.h"

void lint_report_release(struct lint_report *r)
{
	size_t i;

	for (i = 0; i < r->len; i++)
		free(r->items[i].message);
	free(r->items);
	*r = (struct lint_report){ 0 };
}

/* The options of a "check=..." comment, NULL for another comment. */
static const char *comment_options(const char *comment)
{
	const char *p = comment, *end = p + strlen(p);

	if (strncasecmp(p, "check", 5) != 0)
		return NULL;
	p = blank_skip(p + 5, end);
	return *p == '=' ? p + 1 : NULL;
}

/* The file's options together with those right above the instruction. */
static int options_for(const struct lint_report *r,
		       const struct instruction *in, struct lint_options *ret,
		       struct error *err)
{
	size_t i;

	*ret = r->options;
	for (i = 0; i < in->comments.len; i++) {
		const char *text = comment_options(in->comments.items[i]);
		struct lint_options own = { 0 };

		if (lint_options_parse(text, &own, err) < 0)
			return error_at_lines(err, in->first_line,
					      in->last_line);
		ret->skip |= own.skip;
		ret->experimental |= own.experimental;
	}
	return 0;
}

static struct lint_diagnostic *grow(struct lint_report *r)
{
	struct lint_diagnostic *items =
		reallocarray(r->items, r->len + 1, sizeof(*items));

	if (!items) {
		r->failed = true;
		return NULL;
	}
	r->items = items;
	return &items[r->len];
}

void lint_report_add(struct lint_report *r, enum lint_rule rule,
		     const struct instruction *in, const char *fmt, ...)
{
	struct error ignored = ERROR_INIT;
	struct lint_options options;
	struct lint_diagnostic *d;
	enum lint_level level;
	char *message = NULL;
	va_list ap;
	int len;

	/* Bad options were refused when the report was begun. */
	if (options_for(r, in, &options, &ignored) < 0) {
		r->failed |= ignored.kind == ERROR_NOMEM;
		return;
	}
	level = lint_options_level(&options, rule);
	if (level == LINT_OFF)
		return;
	va_start(ap, fmt);
	len = vasprintf(&message, fmt, ap);
	va_end(ap);
	d = len < 0 ? NULL : grow(r);
	if (!d) {
		r->failed = true;
		if (len >= 0)
			free(message);
		return;
	}
	*d = (struct lint_diagnostic){ rule, level == LINT_ADVICE, message,
				       in->first_line, in->last_line };
	/* An empty line is found when the text has ended. */
	if (rule == LINT_NO_EMPTY_CONTINUATION)
		d->first_line = d->last_line = in->text_last_line;
	r->len++;
	r->n_warnings += level == LINT_WARNING;
}

static bool is_all(const char *keyword, int (*is_other)(int))
{
	for (; *keyword; keyword++)
		if (is_other((unsigned char)*keyword))
			return false;
	return true;
}

/* The case that most keywords are written in. */
static bool majority_is_lower(const struct dockerfile *df)
{
	size_t lower = 0, upper = 0, i;

	for (i = 0; i < df->len; i++) {
		lower += is_all(df->instructions[i].keyword, isupper);
		upper += is_all(df->instructions[i].keyword, islower);
	}
	return lower > upper;
}

/* Rules that look at the text alone. */
static void lint_text(struct linter *l)
{
	bool lower = majority_is_lower(l->df);
	size_t i;

	for (i = 0; i < l->df->len; i++) {
		const struct instruction *in = &l->df->instructions[i];

		if (in->empty_continuation)
			lint_report_add(l->report, LINT_NO_EMPTY_CONTINUATION,
					in, "Empty continuation line");
		if (!is_all(in->keyword, lower ? isupper : islower))
			lint_report_add(l->report,
					LINT_CONSISTENT_INSTRUCTION_CASING, in,
					"Command '%s' should match the case of "
					"the command majority (%s)",
					in->keyword,
					lower ? "lowercase" : "uppercase");
	}
}

static char *lower_name(const struct instruction *from)
{
	char *name = from->args.len == 3 ? strdup(from->args.items[2]) : NULL;

	text_lower(name);
	return name;
}

/* What the stage starts with, by the name of its base. */
static void open_scope(struct linter *l, struct lint_stage *stage)
{
	size_t index = (size_t)(stage - l->stages);
	autofree char *base = lint_scope_expand(
		&l->global, stage->from->args.items[0], l->df->escape);
	const struct lint_stage *parent =
		base ? map_get(l->stage_names, base, strlen(base)) : NULL;
	const struct strv *env = NULL;
	size_t i;

	stage->parent = parent;
	stage->on_scratch = base && !strcmp(base, "scratch");
	lint_scope_init(&stage->scope);
	if (parent) {
		lint_scope_inherit(&stage->scope, &parent->scope);
		return;
	}
	lint_scope_set(&stage->scope, "PATH", "");
	stage->scope.complete = stage->on_scratch;
	if (stage->on_scratch)
		return;
	if (l->facts->base_has_shell)
		stage->scope.shell_set =
			l->facts->base_has_shell(l->facts->ctx, index);
	if (l->facts->base_env)
		env = l->facts->base_env(l->facts->ctx, index);
	stage->scope.complete = env;
	for (i = 0; env && i < env->len; i++) {
		const char *item = env->items[i], *eq = strchr(item, '=');
		autofree char *name =
			eq ? strndup(item, (size_t)(eq - item)) : NULL;

		if (name)
			lint_scope_set(&stage->scope, name, eq + 1);
		else if (eq)
			stage->scope.failed = true;
	}
}

static void open_stage(struct linter *l, const struct instruction *from)
{
	struct lint_stage *stage = &l->stages[l->n_stages++];

	stage->from = from;
	stage->name = lower_name(from);
	if (from->args.len == 3 && !stage->name)
		l->report->failed = true;
	lint_from(l, stage);
	open_scope(l, stage);
	lint_pinned(l, stage);
	lint_scope_forget_unset(&l->global);
	if (stage->name && map_put(l->stage_names, stage->name,
				   strlen(stage->name), stage) < 0)
		l->report->failed = true;
}

static void visit(struct linter *l)
{
	size_t i;

	for (i = 0; i < l->df->len; i++) {
		const struct instruction *in = &l->df->instructions[i];
		struct lint_stage *stage =
			l->n_stages ? &l->stages[l->n_stages - 1] : NULL;

		if (in->kind == INSTR_FROM)
			open_stage(l, in);
		else
			lint_instruction(l, stage, in);
	}
}

static void linter_release(struct linter *l)
{
	size_t i;

	for (i = 0; i < l->n_stages; i++) {
		l->report->failed |= l->stages[i].scope.failed;
		free(l->stages[i].name);
		lint_scope_release(&l->stages[i].scope);
	}
	l->report->failed |= l->global.failed || l->defaults.failed;
	free(l->stages);
	lint_scope_release(&l->global);
	lint_scope_release(&l->defaults);
	map_free(l->stage_names);
	ignore_free(l->ignore);
}

/* Names that are set outside of any stage; their values hardly matter. */
static void set_platforms(struct scope *s)
{
	static const char *const sides[] = { "BUILD", "TARGET" };
	static const struct {
		const char *name;
		const char *value;
	} parts[] = {
		{ "PLATFORM", "linux/amd64" },
		{ "OS", "linux" },
		{ "OSVERSION", "" },
		{ "ARCH", "amd64" },
		{ "VARIANT", "" },
	};
	char name[32];
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(sides); i++)
		for (j = 0; j < ARRAY_LEN(parts); j++) {
			snprintf(name, sizeof(name), "%s%s", sides[i],
				 parts[j].name);
			lint_scope_set(s, name, parts[j].value);
		}
	lint_scope_set(s, "TARGETSTAGE", "default");
}

/* A list with exceptions may bring anything back; it is not judged. */
static int compile_ignore(struct linter *l, struct error *err)
{
	const struct strv *patterns = l->facts->ignore_patterns;
	size_t i;

	for (i = 0; patterns && i < patterns->len; i++)
		if (patterns->items[i][0] == '!')
			return 0;
	return patterns ? ignore_new(patterns, &l->ignore, err) : 0;
}

static int check_options(const struct lint_report *r,
			 const struct dockerfile *df, struct error *err)
{
	struct lint_options ignored;
	size_t i;

	for (i = 0; i < df->len; i++)
		if (options_for(r, &df->instructions[i], &ignored, err) < 0)
			return -1;
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	const struct lint_diagnostic *x = a, *y = b;

	if (x->first_line != y->first_line)
		return x->first_line < y->first_line ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

static int run(struct linter *l, struct error *err)
{
	l->stages = calloc(l->df->len + 1, sizeof(*l->stages));
	l->stage_names = map_new(NULL);
	lint_scope_init(&l->global);
	lint_scope_init(&l->defaults);
	if (!l->stages || !l->stage_names)
		return error_nomem(err, "checking a Dockerfile");
	if (compile_ignore(l, err) < 0)
		return -1;
	set_platforms(&l->global);
	set_platforms(&l->defaults);
	lint_text(l);
	visit(l);
	lint_result(l);
	return 0;
}

int lint(const struct dockerfile *df, const struct lint_facts *facts,
	 struct lint_report *ret, struct error *err)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };
	struct linter l = { .df = df, .facts = facts, .report = &report };
	const char *options = facts->check ? facts->check : df->check;
	int status;

	if (lint_options_parse(options, &report.options, err) < 0 ||
	    check_options(&report, df, err) < 0)
		return -1;
	status = run(&l, err);
	linter_release(&l);
	if (status < 0)
		return -1;
	if (report.failed)
		return error_nomem(err, "checking a Dockerfile");
	if (report.len > 1)
		qsort(report.items, report.len, sizeof(*report.items),
		      compare_lines);
	*ret = report;
	report = (struct lint_report){ 0 };
	return 0;
}

int lint_verdict(const struct lint_report *r, struct error *err)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	uint32_t found = 0;
	size_t i;

	if (!r->options.error || r->n_warnings == 0)
		return 0;
	for (i = 0; i < r->len; i++)
		if (!r->items[i].advice)
			found |= UINT32_C(1) << r->items[i].rule;
	for (i = 0; i < LINT_RULES; i++)
		if (found & UINT32_C(1) << i)
			buf_printf(&names, "%s%s", names.len ? ", " : "",
				   lint_rule_info((enum lint_rule)i)->name);
	if (buf_check(&names, "checking a Dockerfile", err) < 0)
		return -1;
	return error_set(err, ERROR_DOCKERFILE,
			 "lint violation found for rules: %s", names.data);
}
