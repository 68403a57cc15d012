/* What a Dockerfile says and offers, instead of a build of it. */
#include "builder/build_state.h"
#include "builder/check.h"
#include "builder/outline.h"

#define WHAT "describing the Dockerfile"

static int print_json(const json_t *doc, struct buf *out, struct error *err)
{
	autofree char *text =
		doc ? json_dumps(doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER)
		    : NULL;

	if (!text)
		return error_nomem(err, WHAT);
	buf_printf(out, "%s\n", text);
	return buf_check(out, WHAT, err);
}

/* Is it a base image that cannot be had? Else somebody made a mistake. */
static bool is_remote(const struct error *err)
{
	return err->kind != ERROR_DOCKERFILE && err->kind != ERROR_USAGE &&
	       err->kind != ERROR_NOMEM && err->kind != ERROR_CANCELED;
}

/* The linter says more with base images known, but does without. */
static int tell_findings(struct build *b, bool json, struct buf *out,
			 int *status, struct error *err)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };
	AUTO(json_decref) json_t *doc = NULL;
	struct error unresolved = ERROR_INIT;

	if (dockerfile_check(b->input.tree, err) < 0)
		return -1;
	if (build_make_plan(b, &unresolved) < 0 && !is_remote(&unresolved)) {
		*err = unresolved;
		return -1;
	}
	if (check_run(&b->input, b->plan, &b->plan_options.build_args,
		      b->options->target, &report, err) < 0)
		return -1;
	*status = report.n_warnings ? 1 : 0;
	if (json) {
		doc = check_to_json(&report, &b->input);
		return print_json(doc, out, err);
	}
	check_append_findings(out, &report, &b->input);
	return buf_check(out, "checking the Dockerfile", err);
}

static int tell_offer(struct build *b, enum build_call call, bool json,
		      struct buf *out, struct error *err)
{
	AUTO(json_decref) json_t *doc = NULL;

	if (call == BUILD_CALL_TARGETS)
		doc = outline_targets(b->input.tree);
	else if (build_fill_plan_options(b, err) < 0 ||
		 outline_target(b->input.tree, &b->plan_options, &doc, err) < 0)
		return -1;
	if (json && doc && outline_add_source(doc, &b->input.text) < 0)
		return error_nomem(err, WHAT);
	if (json || !doc)
		return print_json(doc, out, err);
	if (call == BUILD_CALL_TARGETS)
		outline_append_targets(out, doc);
	else
		outline_append_target(out, doc);
	return buf_check(out, WHAT, err);
}

/* Programs that read JSON find the reason in there, too. */
static void tell_failure(const struct build *b, const struct error *failure,
			 struct buf *out)
{
	AUTO(json_decref) json_t *doc = NULL;
	struct error ignored = ERROR_INIT;

	if (failure->kind != ERROR_DOCKERFILE)
		return;
	doc = check_error_to_json(failure, &b->input);
	print_json(doc, out, &ignored);
}

int build_tell(const struct build_options *options, const struct build_env *env,
	       enum build_call call, bool json, struct buf *out, int *status,
	       struct buf *report, struct error *err)
{
	AUTO(build_release) struct build b = { .options = options, .env = env };
	int rc = build_read_input(&b, err);

	*status = 0;
	if (rc == 0)
		rc = call == BUILD_CALL_CHECK
			     ? tell_findings(&b, json, out, status, err)
			     : tell_offer(&b, call, json, out, err);
	if (rc < 0 && json && call == BUILD_CALL_CHECK)
		tell_failure(&b, err, out);
	if (rc < 0)
		build_append_failure(&b, report, err);
	return rc;
}
