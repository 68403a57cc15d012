#include "builder/check.h"

#include <string.h>

#include "builder/ui/excerpt.h"
#include "parser/secret_text.h"
#include "store/base/json.h"
#include "store/base/json_text.h"

/* What the linter asks about stages. */
struct facts {
	const struct plan *plan;
	struct strv *envs; /* of each stage's base image */
	bool *needed;
	char is[PLATFORM_TEXT_SIZE], wanted[PLATFORM_TEXT_SIZE];
};

static void facts_release(struct facts *f)
{
	size_t i;

	for (i = 0; f->envs && i < f->plan->n_stages; i++)
		strv_release(&f->envs[i]);
	free(f->envs);
	free(f->needed);
}
DEFINE_RELEASE(struct facts, facts_release);

/* The "config" of the image a stage starts from; NULL when not known. */
static const json_t *base_config(const struct plan *plan, size_t stage)
{
	const struct stage *s =
		stage < plan->n_stages ? &plan->stages[stage] : NULL;

	if (!s || s->base.kind != SOURCE_IMAGE || !s->base.image)
		return NULL;
	return json_object_get(s->base.image->config, "config");
}

static const struct strv *base_env(void *ctx, size_t stage)
{
	const struct facts *f = ctx;

	return base_config(f->plan, stage) ? &f->envs[stage] : NULL;
}

static bool base_has_shell(void *ctx, size_t stage)
{
	const struct facts *f = ctx;
	const json_t *config = base_config(f->plan, stage);

	return config && json_array_size(json_object_get(config, "Shell"));
}

static const char *base_user(void *ctx, size_t stage)
{
	const struct facts *f = ctx;
	const json_t *config = base_config(f->plan, stage);
	const char *user = config ? json_get_string(config, "User") : NULL;

	return config && !user ? "" : user;
}

/* As the reference has it: variants may differ. */
static bool base_is_foreign(void *ctx, size_t stage, const char **is,
			    const char **wanted)
{
	struct facts *f = ctx;
	const struct platform *expected;
	const json_t *document;
	struct platform actual = { 0 };
	const char *os, *arch;

	if (!base_config(f->plan, stage))
		return false;
	document = f->plan->stages[stage].base.image->config;
	os = json_get_string(document, "os");
	arch = json_get_string(document, "architecture");
	expected = &f->plan->stages[stage].platform;
	if (!os || !arch ||
	    (!strcmp(os, expected->os) && !strcmp(arch, expected->arch)))
		return false;
	snprintf(actual.os, sizeof(actual.os), "%s", os);
	snprintf(actual.arch, sizeof(actual.arch), "%s", arch);
	*is = platform_format(&actual, f->is);
	*wanted = platform_format(expected, f->wanted);
	return true;
}

static int collect_facts(const struct plan *plan, struct facts *ret,
			 struct error *err)
{
	size_t i;

	ret->plan = plan;
	ret->envs = calloc(plan->n_stages + 1, sizeof(*ret->envs));
	ret->needed = calloc(plan->n_stages + 1, sizeof(*ret->needed));
	if (!ret->envs || !ret->needed)
		return error_nomem(err, "checking the Dockerfile");
	for (i = 0; i < plan->n_stages; i++) {
		const json_t *config = base_config(plan, i);

		ret->needed[i] = plan->stages[i].needed;
		if (config &&
		    json_get_strings(config, "Env", &ret->envs[i], err) < 0)
			return -1;
	}
	return 0;
}

int check_run(const struct build_input *in, const struct plan *plan,
	      const struct strv *build_args, const char *target,
	      struct lint_report *ret, struct error *err)
{
	AUTO(facts_release) struct facts f = { 0 };
	struct lint_facts known = {
		.check = strv_env_get(build_args, "BUILDKIT_DOCKERFILE_CHECK"),
		.build_args = build_args,
		.target = target,
	};

	if (in->n_contexts && !*in->contexts[0].name)
		known.ignore_patterns =
			context_patterns(in->contexts[0].context);
	if (plan) {
		if (collect_facts(plan, &f, err) < 0)
			return -1;
		known.needed = f.needed;
		known.base_env = base_env;
		known.base_has_shell = base_has_shell;
		known.base_user = base_user;
		known.base_is_foreign = base_is_foreign;
		known.ctx = &f;
	}
	return lint(in->tree, &known, ret, err);
}

/* An excerpt goes into logs: what looks like a secret stays out of it. */
static void mask_secrets(struct buf *out, size_t from)
{
	struct secret_text found;

	while (!out->failed && from < out->len &&
	       secret_text_find(out->data + from, out->len - from, &found)) {
		const char *newline =
			memchr(out->data + from + found.start, '\n', found.len);
		size_t len = newline ? (size_t)(newline - out->data) - from -
					       found.start
				     : found.len;

		memset(out->data + from + found.start, '*', len);
		from += found.start + len;
	}
}

static void append_finding(struct buf *out, const struct lint_diagnostic *d,
			   struct excerpt_source *source)
{
	const struct lint_rule_info *info = lint_rule_info(d->rule);
	size_t from;

	buf_printf(out, "%s: %s - %s\n%s\n%s\nhelp: %s\n",
		   d->advice ? "ADVICE" : "WARNING", info->name, info->url,
		   info->description, d->message, info->help);
	from = out->len;
	excerpt_append(out, source, d->first_line, d->last_line);
	mask_secrets(out, from);
	buf_append_char(out, '\n');
}

static void append_total(struct buf *out, const struct lint_report *r)
{
	size_t advice = r->len - r->n_warnings;

	if (r->n_warnings)
		buf_printf(out, "Check complete, %zu warning%s found!\n",
			   r->n_warnings,
			   r->n_warnings == 1 ? " has been" : "s have been");
	else
		buf_append_str(out, "Check complete, no warnings found.\n");
	if (advice)
		buf_printf(out,
			   "Advice: %zu, which fails nothing (skip it with "
			   "\"# check=skip=RULE\").\n",
			   advice);
}

void check_append_findings(struct buf *out, const struct lint_report *r,
			   const struct build_input *in)
{
	struct excerpt_source source =
		excerpt_source(in->name, in->text.data, in->text.len);
	size_t i;

	for (i = 0; i < r->len; i++)
		append_finding(out, &r->items[i], &source);
	append_total(out, r);
}

void check_append_summary(struct buf *out, const struct lint_report *r)
{
	size_t i;

	if (!r->n_warnings)
		return;
	buf_printf(out,
		   " %zu warning%s found (shale build --check says more):\n",
		   r->n_warnings, r->n_warnings == 1 ? "" : "s");
	for (i = 0; i < r->len; i++)
		if (!r->items[i].advice)
			buf_printf(out, " - %s: %s (line %d)\n",
				   lint_rule_info(r->items[i].rule)->name,
				   r->items[i].message, r->items[i].first_line);
}

static json_t *location_to_json(const char *file, int first_line, int last_line)
{
	return json_pack("{s:s, s:i, s:[{s:{s:i}, s:{s:i}}]}", "file", file,
			 "sourceIndex", 0, "ranges", "start", "line",
			 first_line, "end", "line", last_line);
}

static json_t *finding_to_json(const struct lint_diagnostic *d,
			       const char *file)
{
	const struct lint_rule_info *info = lint_rule_info(d->rule);

	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:o}", "ruleName",
			 info->name, "description", info->description, "url",
			 info->url, "detail", json_text(d->message), "help",
			 info->help, "location",
			 location_to_json(file, d->first_line, d->last_line));
}

/* The warnings, or the advice. */
static json_t *findings_to_json(const struct lint_report *r, bool advice,
				const char *file)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list && i < r->len; i++)
		if (r->items[i].advice == advice &&
		    json_array_append_new(
			    list, finding_to_json(&r->items[i], file)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *check_to_json(const struct lint_report *r, const struct build_input *in)
{
	return json_pack("{s:o, s:o, s:[{s:s, s:s}]}", "warnings",
			 findings_to_json(r, false, in->name), "advice",
			 findings_to_json(r, true, in->name), "sources",
			 "fileName", in->name, "language", "Dockerfile");
}

json_t *check_error_to_json(const struct error *failure,
			    const struct build_input *in)
{
	char text[sizeof(failure->text)];
	json_t *doc = json_pack(
		"{s:[], s:[], s:{s:o}}", "warnings", "advice", "buildError",
		"message",
		json_text(error_message(failure, text, sizeof(text))));
	json_t *at;

	if (!doc || !failure->first_line)
		return doc;
	at = location_to_json(in->name ? in->name : "Dockerfile",
			      failure->first_line, failure->last_line);
	if (json_object_set_new(json_object_get(doc, "buildError"), "location",
				at) < 0) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}
