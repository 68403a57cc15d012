#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "builder/plan_internal.h"
#include "store/base/text.h"

#define WHAT "reading build arguments"

/* Known without an ARG, and so never "not consumed". */
static const char *const proxy_names[] = {
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY",
};

static const char *const platform_names[] = {
	"BUILDPLATFORM",  "BUILDOS",	   "BUILDOSVERSION",  "BUILDARCH",
	"BUILDVARIANT",	  "TARGETOS",	   "TARGETOSVERSION", "TARGETARCH",
	"TARGETPLATFORM", "TARGETVARIANT", "TARGETSTAGE",
};

const char *scope_build_arg(const struct planner *pl, const char *name)
{
	const struct strv *args = &pl->options->build_args;
	size_t len = strlen(name), i;

	for (i = args->len; i > 0; i--) {
		const char *arg = args->items[i - 1];

		if (!strncmp(arg, name, len) && arg[len] == '=')
			return arg + len + 1;
	}
	return NULL;
}

/* A predefined name; --build-arg goes before what the builder knows. */
static void predefine(struct planner *pl, const char *name, const char *value)
{
	const char *given = scope_build_arg(pl, name);

	vars_set(&pl->globals, name, given ? given : value);
}

static void predefine_platform(struct planner *pl, const char *prefix,
			       const struct platform *p)
{
	char text[PLATFORM_TEXT_SIZE], name[32];
	const struct {
		const char *suffix;
		const char *value;
	} parts[] = {
		{ "PLATFORM", platform_format(p, text) },
		{ "OS", p->os },
		{ "OSVERSION", p->os_version },
		{ "ARCH", p->arch },
		{ "VARIANT", p->variant },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(parts); i++) {
		snprintf(name, sizeof(name), "%s%s", prefix, parts[i].suffix);
		predefine(pl, name, parts[i].value);
	}
}

/* TARGETSTAGE: known before stages are, so read off the last FROM. */
static const char *target_stage_name(const struct planner *pl)
{
	const struct dockerfile *df = pl->df;
	size_t i;

	if (pl->options->target && *pl->options->target)
		return pl->options->target;
	for (i = df->len; i > 0; i--) {
		const struct instruction *in = &df->instructions[i - 1];

		if (in->kind == INSTR_FROM)
			return in->args.len == 3 ? in->args.items[2] : NULL;
	}
	return NULL;
}

static void predefine_target(struct planner *pl)
{
	const char *name = target_stage_name(pl);
	autofree char *lower = strdup(name ? name : "default");

	if (!lower) {
		pl->globals.list.failed = true;
		return;
	}
	text_lower(lower);
	predefine(pl, "TARGETSTAGE", lower);
}

/* The parts of "NAME=default"; `*value` is NULL without a default. */
static char *split_arg(const char *word, const char **value)
{
	size_t len = strcspn(word, "=");

	*value = word[len] ? word + len + 1 : NULL;
	return strndup(word, len);
}

static int declare_global(struct planner *pl, const char *word,
			  struct error *err)
{
	const char *fallback, *value;
	autofree char *name = split_arg(word, &fallback), *expanded = NULL;
	struct expand_env env = vars_expand_env(&pl->globals);

	if (!name)
		return error_nomem(err, WHAT);
	vars_set(&pl->declared, name, NULL);
	value = scope_build_arg(pl, name);
	if (!value && fallback) {
		expanded = expand_word(fallback, pl->df->escape, &env, err);
		if (!expanded)
			return -1;
		value = expanded;
	}
	if (value)
		vars_set(&pl->globals, name, value);
	return vars_check(&pl->globals, WHAT, err);
}

static int declare_globals(struct planner *pl, const struct instruction *in,
			   struct error *err)
{
	size_t i;

	if (check_syntax(pl, in, err) < 0)
		return -1;
	for (i = 0; i < in->args.len; i++)
		if (declare_global(pl, in->args.items[i], err) < 0)
			return -1;
	return 0;
}

int scope_globals(struct planner *pl, struct error *err)
{
	const struct dockerfile *df = pl->df;
	size_t i;

	predefine_platform(pl, "BUILD", &pl->options->host);
	predefine_platform(pl, "TARGET", &pl->options->platform);
	predefine_target(pl);
	for (i = 0; i < df->len; i++) {
		const struct instruction *in = &df->instructions[i];

		if (in->kind != INSTR_ARG)
			break;
		if (declare_globals(pl, in, err) < 0)
			return error_at_lines(err, in->first_line,
					      in->last_line);
	}
	pl->n_global = i;
	return vars_check(&pl->globals, WHAT, err);
}

int scope_epoch(struct planner *pl, struct error *err)
{
	const char *text = scope_build_arg(pl, "SOURCE_DATE_EPOCH");
	bool given = text;
	char *end;

	if (!text)
		text = vars_get(&pl->globals, "SOURCE_DATE_EPOCH");
	if (!text || !*text)
		return 0;
	errno = 0;
	pl->plan->epoch = strtoll(text, &end, 10);
	if (errno || *end || isspace((unsigned char)*text))
		return error_set(err, given ? ERROR_USAGE : ERROR_DOCKERFILE,
				 "invalid SOURCE_DATE_EPOCH: %s (give seconds "
				 "since 1970)",
				 text);
	pl->plan->has_epoch = true;
	return 0;
}

char *scope_expand(const struct planner *pl, const struct stage_state *st,
		   const char *word, struct error *err)
{
	struct expand_env env = vars_expand_env(&st->env);

	return expand_word(word, pl->df->escape, &env, err);
}

/* These steer the reference's builder and never were variables of a RUN. */
static bool is_env(const char *name)
{
	return strncmp(name, "BUILDKIT_SBOM_SCAN_", 19) != 0;
}

/* --build-arg, else the default, else the global value, else nothing. */
static int arg_value(const struct planner *pl, const struct stage_state *st,
		     const char *name, const char *fallback, char **ret,
		     struct error *err)
{
	const char *value = scope_build_arg(pl, name);

	if (!value && fallback) {
		*ret = scope_expand(pl, st, fallback, err);
		return *ret ? 0 : -1;
	}
	if (!value)
		value = vars_get(&pl->globals, name);
	*ret = value ? strdup(value) : NULL;
	return value && !*ret ? error_nomem(err, WHAT) : 0;
}

static int declare_one(struct planner *pl, struct stage_state *st,
		       const char *word, struct buf *shown, struct error *err)
{
	const char *fallback;
	autofree char *name = split_arg(word, &fallback), *value = NULL;

	if (!name)
		return error_nomem(err, WHAT);
	vars_set(&pl->declared, name, NULL);
	if (arg_value(pl, st, name, fallback, &value, err) < 0)
		return -1;
	if (value && is_env(name))
		vars_set(&st->env, name, value);
	vars_set(&st->args, name, value);
	buf_printf(shown, " %s%s%s", name, value ? "=" : "",
		   value ? value : "");
	if (vars_check(&st->env, WHAT, err) < 0)
		return -1;
	return vars_check(&st->args, WHAT, err);
}

int scope_declare(struct planner *pl, struct stage_state *st,
		  const struct instruction *in, struct buf *shown,
		  struct error *err)
{
	size_t i;

	for (i = 0; i < in->args.len; i++)
		if (declare_one(pl, st, in->args.items[i], shown, err) < 0)
			return -1;
	return 0;
}

/* The proxy called `name` in any case; build args go before the environment. */
static const char *find_proxy(const struct strv *list, const char *name)
{
	size_t len = strlen(name), i;

	for (i = list->len; i > 0; i--) {
		const char *item = list->items[i - 1];

		if (!strncasecmp(item, name, len) && item[len] == '=')
			return item + len + 1;
	}
	return NULL;
}

/* Programs disagree about the case of these names, so they get both. */
static int add_proxy(const char *name, const char *value,
		     const struct vars *env, struct strv *ret,
		     struct error *err)
{
	autofree char *lower = strdup(name);

	if (!lower)
		return error_nomem(err, WHAT);
	text_lower(lower);
	if (!vars_get(env, name))
		strv_env_set(ret, name, value);
	if (!vars_get(env, lower))
		strv_env_set(ret, lower, value);
	return strv_check(ret, WHAT, err);
}

int scope_proxies(const struct planner *pl, const struct vars *env,
		  struct strv *ret, struct error *err)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(proxy_names); i++) {
		const char *name = proxy_names[i], *value;

		value = find_proxy(&pl->options->build_args, name);
		if (!value)
			value = find_proxy(&pl->options->proxies, name);
		if (value && add_proxy(name, value, env, ret, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_predefined(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(proxy_names); i++)
		if (!strcasecmp(name, proxy_names[i]))
			return true;
	for (i = 0; i < ARRAY_LEN(platform_names); i++)
		if (!strcmp(name, platform_names[i]))
			return true;
	return !strncmp(name, "BUILDKIT_", 9) ||
	       !strcmp(name, "SOURCE_DATE_EPOCH");
}

/* ARGs of stages that are not built count too: they are no typing errors. */
static void note_all_declared(struct planner *pl)
{
	size_t i, j;

	for (i = 0; i < pl->df->len; i++) {
		const struct instruction *in = &pl->df->instructions[i];

		for (j = 0; in->kind == INSTR_ARG && j < in->args.len; j++) {
			const char *unused;
			autofree char *name =
				split_arg(in->args.items[j], &unused);

			if (name)
				vars_set(&pl->declared, name, NULL);
		}
	}
}

int scope_warn_unused(struct planner *pl, struct error *err)
{
	const struct strv *given = &pl->options->build_args;
	AUTO(strv_release) struct strv unused = STRV_INIT;
	AUTO(buf_release) struct buf line = BUF_INIT;
	size_t i;

	note_all_declared(pl);
	for (i = 0; i < given->len; i++) {
		const char *value;
		autofree char *name = split_arg(given->items[i], &value);

		if (name && !is_predefined(name) &&
		    !vars_has(&pl->declared, name) &&
		    strv_find(&unused, name) < 0)
			strv_append(&unused, name);
	}
	if (vars_check(&pl->declared, WHAT, err) < 0)
		return -1;
	if (!unused.len)
		return strv_check(&unused, WHAT, err);
	strv_sort(&unused);
	buf_append_str(&line, "one or more build args were not consumed: [");
	for (i = 0; i < unused.len; i++)
		buf_printf(&line, "%s%s", i ? " " : "", unused.items[i]);
	buf_append_char(&line, ']');
	strv_take(&pl->plan->warnings, buf_steal(&line));
	return strv_check(&pl->plan->warnings, WHAT, err);
}
