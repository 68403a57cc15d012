/* Rules about the instructions of a stage, and ARG before the first one. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "parser/check_words.h"
#include "parser/lint_internal.h"
#include "parser/port.h"
#include "parser/quote.h"
#include "store/base/path.h"

static bool part_is_one_of(const char *part, size_t len,
			   const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strlen(words[i]) == len &&
		    !strncasecmp(words[i], part, len))
			return true;
	return false;
}

/* Judge the parts of NAME_OF_VARIABLE. */
static bool sounds_secret(const char *name)
{
	static const char *const secret[] = {
		"apikey",   "auth",  "credential", "credentials", "key",
		"password", "pword", "passwd",	   "secret",	  "token",
	};
	static const char *const open[] = { "public", "file", "version" };
	bool found = false;

	for (;;) {
		size_t len = strcspn(name, "_");

		if (part_is_one_of(name, len, open, ARRAY_LEN(open)))
			return false;
		found |= part_is_one_of(name, len, secret, ARRAY_LEN(secret));
		if (!name[len])
			return found;
		name += len + 1;
	}
}

static void lint_secret(struct linter *l, const struct instruction *in,
			const char *name)
{
	if (sounds_secret(name))
		lint_report_add(l->report, LINT_SECRETS_USED_IN_ARG_OR_ENV, in,
				"Do not use ARG or ENV instructions for "
				"sensitive data (%s \"%s\")",
				instruction_name(in->kind), name);
}

/* Nothing is said of proxies: they are set without being declared. */
static bool is_proxy(const char *name)
{
	static const char *const proxies[] = { "HTTP_PROXY", "HTTPS_PROXY",
					       "FTP_PROXY", "NO_PROXY",
					       "ALL_PROXY" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(proxies); i++)
		if (!strcasecmp(name, proxies[i]))
			return true;
	return false;
}

/* What the words of the instruction asked for in vain. */
static void lint_unset(struct linter *l, struct scope *s,
		       const struct instruction *in)
{
	size_t i;

	for (i = 0; s->complete && i < s->unset.len; i++) {
		const char *name = s->unset.items[i], *near;

		if (is_proxy(name))
			continue;
		near = lint_scope_suggest(s, name);
		lint_report_add(l->report, LINT_UNDEFINED_VAR, in,
				"Usage of undefined variable '$%s'%s%s%s", name,
				near ? " (did you mean $" : "",
				near ? near : "", near ? "?)" : "");
	}
	lint_scope_forget_unset(s);
}

/* Ask for every name that the instruction's texts use. */
static void expand_all(struct linter *l, struct scope *s,
		       const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		const char *value = flag_expanded_value(in, in->flags.items[i]);

		if (value)
			free(lint_scope_expand(s, value, l->df->escape));
	}
	for (i = 0; i < in->args.len; i++)
		if (arg_is_expanded(in, i))
			free(lint_scope_expand(s, in->args.items[i],
					       l->df->escape));
	for (i = 0; i < in->n_heredocs; i++)
		if (in->kind != INSTR_RUN && in->heredocs[i].expand)
			lint_scope_expand_heredoc(s, in->heredocs[i].content,
						  in->heredocs[i].content_len);
}

/* The value of an ARG: --build-arg, else its default, else the global one. */
static void declare_arg(struct linter *l, struct scope *s, const char *name,
			const char *initial, bool with_build_args)
{
	const struct scope *global =
		with_build_args ? &l->global : &l->defaults;
	const struct strv *given =
		with_build_args ? l->facts->build_args : NULL;
	const char *value = given ? strv_env_get(given, name) : NULL;

	if (!value)
		value = initial ? initial : lint_scope_get(global, name);
	lint_scope_set(s, name, value);
}

static void lint_arg_in(struct linter *l, struct scope *s,
			const struct instruction *in, bool with_build_args)
{
	size_t i;

	for (i = 0; i < in->args.len; i++) {
		const char *word = in->args.items[i], *eq = strchr(word, '=');
		autofree char *name =
			strndup(word, eq ? (size_t)(eq - word) : strlen(word));
		autofree char *value =
			eq ? lint_scope_expand(s, eq + 1, l->df->escape) : NULL;

		if (name)
			declare_arg(l, s, name, value, with_build_args);
		else
			s->failed = true;
	}
}

static void lint_arg(struct linter *l, struct lint_stage *stage,
		     const struct instruction *in)
{
	struct scope *s = stage ? &stage->scope : &l->global;
	size_t i;

	lint_arg_in(l, s, in, true);
	lint_unset(l, s, in);
	if (!stage)
		lint_arg_in(l, &l->defaults, in, false);
	for (i = 0; i < in->args.len; i++) {
		autofree char *name = strndup(in->args.items[i],
					      strcspn(in->args.items[i], "="));

		if (!name) {
			s->failed = true;
			continue;
		}
		lint_secret(l, in, name);
		lint_value(l, in, name, in->args.items[i]);
		if (in->args.len == 1)
			lint_description(l, in, name);
	}
}

static void lint_legacy_pair(struct linter *l, const struct instruction *in)
{
	const char *name = instruction_name(in->kind);

	if (in->legacy_pair)
		lint_report_add(l->report, LINT_LEGACY_KEY_VALUE_FORMAT, in,
				"\"%s key=value\" should be used instead of "
				"legacy \"%s key value\" format",
				name, name);
}

/* Values see what was set before the instruction, not each other. */
static void lint_env(struct linter *l, struct lint_stage *stage,
		     const struct instruction *in)
{
	struct scope *s = &stage->scope;
	AUTO(strv_release) struct strv pairs = STRV_INIT;
	size_t i;

	lint_legacy_pair(l, in);
	for (i = 0; i < in->args.len; i++) {
		char *text =
			lint_scope_expand(s, in->args.items[i], l->df->escape);

		strv_take(&pairs, text ? text : strdup(""));
	}
	lint_unset(l, s, in);
	s->failed |= pairs.failed;
	for (i = 0; i + 1 < pairs.len; i += 2) {
		lint_scope_set(s, pairs.items[i], pairs.items[i + 1]);
		lint_secret(l, in, pairs.items[i]);
		lint_value(l, in, pairs.items[i], in->args.items[i + 1]);
	}
}

static void lint_label(struct linter *l, struct lint_stage *stage,
		       const struct instruction *in)
{
	size_t i;

	(void)stage;
	lint_legacy_pair(l, in);
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
	if (visitors[in->kind])
		visitors[in->kind](l, stage, in);
	lint_json_form(l, in);
	if (!stage || in->kind == INSTR_ARG || in->kind == INSTR_ENV)
		return;
	expand_all(l, &stage->scope, in);
	lint_unset(l, &stage->scope, in);
}
