/* Rules about the instructions of a stage, and ARG before the first one. */
#include <ctype.h>
#include <string.h>

#include "parser/lint_internal.h"
#include "parser/port.h"
#include "store/base/path.h"
#include "store/base/quote.h"

static void lint_legacy_pair(struct linter *l, const struct instruction *in)
{
	const char *name = instruction_name(in->kind);

	if (in->legacy_pair)
		lint_report_add(l->report, LINT_LEGACY_KEY_VALUE_FORMAT, in,
				"\"%s key=value\" should be used instead of "
				"legacy \"%s key value\" format",
				name, name);
}

static void lint_label(struct linter *l, struct lint_stage *stage,
		       const struct instruction *in)
{
	size_t i;

	(void)stage;
	for (i = 0; i + 1 < in->args.len; i += 2)
		lint_value(l, in, in->args.items[i], in->args.items[i + 1]);
}

static void lint_workdir(struct linter *l, struct lint_stage *stage,
			 const struct instruction *in)
{
	autofree char *path = lint_scope_expand(
		&stage->scope, in->args.items[0], l->df->escape);

	if (path && *path == '/')
		stage->scope.workdir_set = true;
	/* An empty variable may be one of a base image we do not know. */
	if (!path || stage->scope.workdir_set ||
	    (in->args.items[0][0] == '$' && !stage->scope.complete))
		return;
	lint_report_add(l->report, LINT_WORKDIR_RELATIVE_PATH, in,
			"Relative workdir \"%s\" can have unexpected results "
			"if the base image changes",
			path);
}

/* Only the last one counts; the earlier ones are to blame. */
static void lint_once(struct linter *l, const struct instruction **last,
		      const struct instruction *in)
{
	const char *name = instruction_name(in->kind);

	if (*last)
		lint_report_add(
			l->report, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, *last,
			"Multiple %s instructions should not be used in "
			"the same stage because only the last one will "
			"be used",
			name);
	*last = in;
}

static void lint_command(struct linter *l, struct lint_stage *stage,
			 const struct instruction *in)
{
	lint_once(l, in->kind == INSTR_CMD ? &stage->cmd : &stage->entrypoint,
		  in);
	if (!in->json && !stage->scope.shell_set)
		lint_report_add(l->report, LINT_JSON_ARGS_RECOMMENDED, in,
				"JSON arguments recommended for %s to prevent "
				"unintended behavior related to OS signals",
				instruction_name(in->kind));
}

static void lint_healthcheck(struct linter *l, struct lint_stage *stage,
			     const struct instruction *in)
{
	lint_once(l, &stage->healthcheck, in);
}

static void lint_shell(struct linter *l, struct lint_stage *stage,
		       const struct instruction *in)
{
	(void)l;
	(void)in;
	stage->scope.shell_set = true;
}

static void note_user(struct linter *l, struct lint_stage *stage,
		      const struct instruction *in)
{
	(void)l;
	(void)in;
	stage->user_set = true;
}

static void lint_maintainer(struct linter *l, struct lint_stage *stage,
			    const struct instruction *in)
{
	(void)stage;
	lint_report_add(l->report, LINT_MAINTAINER_DEPRECATED, in,
			"Maintainer instruction is deprecated in favor of "
			"using label");
}

static void lint_port(struct linter *l, const struct instruction *in,
		      const char *spec)
{
	const char *slash = strchr(spec, '/'), *p;
	struct error ignored = ERROR_INIT;
	bool mapped = false, upper = false;

	if (port_spec_parse(spec, NULL, &mapped, &ignored) < 0)
		return;
	for (p = slash; p && *p; p++)
		upper |= isupper((unsigned char)*p);
	if (upper)
		lint_report_add(l->report, LINT_EXPOSE_PROTO_CASING, in,
				"Defined protocol '%s' in EXPOSE instruction "
				"should be lowercase",
				spec);
	if (mapped)
		lint_report_add(l->report, LINT_EXPOSE_INVALID_FORMAT, in,
				"EXPOSE instruction should not define an IP "
				"address or host-port mapping, found '%s'",
				spec);
}

static void lint_expose(struct linter *l, struct lint_stage *stage,
			const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->args.len; i++) {
		autofree char *spec = lint_scope_expand(
			&stage->scope, in->args.items[i], l->df->escape);

		if (spec)
			lint_port(l, in, spec);
	}
}

static void lint_source(struct linter *l, const struct instruction *in,
			const char *source)
{
	autofree char *path = NULL;
	struct quoted storage;

	if (strstr(source, "://"))
		return;
	path = path_clean_rooted(source);
	if (!path)
		l->report->failed = true;
	else if (*path && ignore_match(l->ignore, path, NULL))
		lint_report_add(l->report, LINT_COPY_IGNORED_FILE, in,
				"Attempting to %s file %s that is excluded by "
				".dockerignore",
				instruction_name(in->kind),
				quote(&storage, source));
}

static void lint_copy(struct linter *l, struct lint_stage *stage,
		      const struct instruction *in)
{
	size_t i;

	if (!l->ignore || instruction_flag(in, "from"))
		return;
	for (i = 0; i + 1 < in->args.len; i++) {
		autofree char *source = NULL;

		if (instruction_heredoc_of(in, i))
			continue;
		source = lint_scope_expand(&stage->scope, in->args.items[i],
					   l->df->escape);
		if (source)
			lint_source(l, in, source);
	}
}

static void (*const visitors[])(struct linter *l, struct lint_stage *stage,
				const struct instruction *in) = {
	[INSTR_ADD] = lint_copy,
	[INSTR_ARG] = lint_arg,
	[INSTR_CMD] = lint_command,
	[INSTR_COPY] = lint_copy,
	[INSTR_ENTRYPOINT] = lint_command,
	[INSTR_ENV] = lint_env,
	[INSTR_EXPOSE] = lint_expose,
	[INSTR_HEALTHCHECK] = lint_healthcheck,
	[INSTR_LABEL] = lint_label,
	[INSTR_MAINTAINER] = lint_maintainer,
	[INSTR_SHELL] = lint_shell,
	[INSTR_USER] = note_user,
	[INSTR_WORKDIR] = lint_workdir,
	[INSTR_WORKDIR + 1] = NULL,
};

void lint_instruction(struct linter *l, struct lint_stage *stage,
		      const struct instruction *in)
{
	size_t index = l->n_stages - 1;

	if (stage && l->facts->needed && !l->facts->needed[index])
		return;
	lint_legacy_pair(l, in);
	if (visitors[in->kind])
		visitors[in->kind](l, stage, in);
	lint_json_form(l, in);
	if (!stage || in->kind == INSTR_ARG || in->kind == INSTR_ENV)
		return;
	lint_variables(l, &stage->scope, in);
}
