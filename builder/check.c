#include "builder/check.h"

#include <string.h>

#include "builder/ui/excerpt.h"
#include "store/base/json.h"

/* What the linter asks about stages. */
struct facts {
	const struct plan *plan;
	struct strv *envs; /* of each stage's base image */
	bool *needed;
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
	      const struct strv *build_args, struct lint_report *ret,
	      struct error *err)
{
	AUTO(facts_release) struct facts f = { 0 };
	struct lint_facts known = {
		.check = strv_env_get(build_args, "BUILDKIT_DOCKERFILE_CHECK"),
		.build_args = build_args,
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
		known.ctx = &f;
	}
	return lint(in->tree, &known, ret, err);
}

void check_append_findings(struct buf *out, const struct lint_report *r,
			   const struct build_input *in)
{
	struct excerpt_source source =
		excerpt_source(in->name, in->text.data, in->text.len);
	size_t i;

	for (i = 0; i < r->len; i++) {
		const struct lint_diagnostic *d = &r->items[i];
		const struct lint_rule_info *info = lint_rule_info(d->rule);

		buf_printf(out, "WARNING: %s - %s\n%s\n%s\n", info->name,
			   info->url, info->description, d->message);
		excerpt_append(out, &source, d->first_line, d->last_line);
		buf_append_char(out, '\n');
	}
}

void check_append_summary(struct buf *out, const struct lint_report *r)
{
	size_t i;

	if (!r->len)
		return;
	buf_printf(out,
		   " %zu warning%s found (shale build --check says more):\n",
		   r->len, r->len == 1 ? "" : "s");
	for (i = 0; i < r->len; i++)
		buf_printf(out, " - %s: %s (line %d)\n",
			   lint_rule_info(r->items[i].rule)->name,
			   r->items[i].message, r->items[i].first_line);
}

static json_t *finding_to_json(const struct lint_diagnostic *d,
			       const char *file)
{
	const struct lint_rule_info *info = lint_rule_info(d->rule);

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:{s:s, s:[{s:{s:i}, s:{s:i}}]}}",
		"ruleName", info->name, "description", info->description, "url",
		info->url, "detail", d->message, "location", "file", file,
		"ranges", "start", "line", d->first_line, "end", "line",
		d->last_line);
}

json_t *check_to_json(const struct lint_report *r, const struct build_input *in)
{
	AUTO(json_decref) json_t *list = json_array();
	size_t i;

	for (i = 0; list && i < r->len; i++)
		if (json_array_append_new(
			    list, finding_to_json(&r->items[i], in->name)) < 0)
			return NULL;
	return list ? json_pack("{s:O}", "warnings", list) : NULL;
}
