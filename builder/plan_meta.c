/* Instructions that change the config and nothing else. */
#include <stdio.h>
#include <string.h>

#include "builder/config.h"
#include "builder/history.h"
#include "builder/plan_internal.h"
#include "parser/port.h"
#include "parser/signal_name.h"

/* Of all EXPOSE that are built; each is a name in a config and a history. */
enum { MAX_PORTS = 1000000 };

/* History without a layer: KEYWORD and one value. */
static int add_simple(struct stage_state *st, const char *keyword,
		      const char *value, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	buf_printf(&text, "%s %s", keyword, value);
	return stage_add_history(st, &text, NULL, err);
}

/* Expand every word by what was known before the instruction. */
static int expand_all(const struct planner *pl, const struct stage_state *st,
		      const struct strv *words, struct strv *ret,
		      struct error *err)
{
	size_t i;

	for (i = 0; i < words->len; i++) {
		char *word = scope_expand(pl, st, words->items[i], err);

		if (!word)
			return -1;
		strv_take(ret, word);
	}
	return strv_check(ret, "expanding arguments", err);
}

/* What the config has so far; a list there is too slow for many ENVs. */
static int load_image_env(struct stage_state *st, struct error *err)
{
	AUTO(strv_release) struct strv list = STRV_INIT;

	if (config_get_list(st->stage->config, "Env", &list, err) < 0)
		return -1;
	vars_add_all(&st->image_env, &list);
	return vars_check(&st->image_env, "setting variables", err);
}

static int set_env(struct stage_state *st, const char *name, const char *value,
		   struct error *err)
{
	if (!st->env_changed && load_image_env(st, err) < 0)
		return -1;
	st->env_changed = true;
	vars_set(&st->env, name, value);
	vars_set(&st->image_env, name, value);
	if (vars_check(&st->image_env, "setting variables", err) < 0)
		return -1;
	return vars_check(&st->env, "setting variables", err);
}

static int set_label(struct stage_state *st, const char *name,
		     const char *value, struct error *err)
{
	return config_set_label(st->stage->config, name, value, err);
}

/* ENV and LABEL: pairs of words. */
static int set_pairs(struct planner *pl, struct stage_state *st,
		     const struct command *c,
		     int (*set)(struct stage_state *st, const char *name,
				const char *value, struct error *err),
		     struct error *err)
{
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;
	size_t i;

	if (expand_all(pl, st, &c->in->args, &words, err) < 0)
		return -1;
	buf_append_str(&text, instruction_name(c->in->kind));
	for (i = 0; i + 1 < words.len; i += 2) {
		const char *name = words.items[i], *value = words.items[i + 1];

		if (set(st, name, value, err) < 0)
			return -1;
		buf_printf(&text, " %s=%s", name, value);
	}
	return stage_add_history(st, &text, NULL, err);
}

int meta_env(struct planner *pl, struct stage_state *st,
	     const struct command *c, struct error *err)
{
	return set_pairs(pl, st, c, set_env, err);
}

int meta_label(struct planner *pl, struct stage_state *st,
	       const struct command *c, struct error *err)
{
	return set_pairs(pl, st, c, set_label, err);
}

int meta_arg(struct planner *pl, struct stage_state *st,
	     const struct command *c, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	buf_append_str(&text, "ARG");
	if (scope_declare(pl, st, c->in, &text, err) < 0)
		return -1;
	return stage_add_history(st, &text, NULL, err);
}

/* CMD and ENTRYPOINT. */
static int set_command(struct stage_state *st, const struct command *c,
		       const char *member, struct error *err)
{
	AUTO(strv_release) struct strv argv = STRV_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (!c->in->json && stage_shell(st, &argv, err) < 0)
		return -1;
	strv_append_all(&argv, &c->in->args);
	if (strv_check(&argv, "setting a command", err) < 0 ||
	    config_set_command(st->stage->config, member, &argv, err) < 0)
		return -1;
	history_quoted(&text, instruction_name(c->in->kind), &argv);
	return stage_add_history(st, &text, NULL, err);
}

int meta_cmd(struct planner *pl, struct stage_state *st,
	     const struct command *c, struct error *err)
{
	(void)pl;
	st->cmd_set = true;
	return set_command(st, c, "Cmd", err);
}

/* A CMD of the base belonged to the entrypoint of the base. */
int meta_entrypoint(struct planner *pl, struct stage_state *st,
		    const struct command *c, struct error *err)
{
	(void)pl;
	if (!st->cmd_set)
		config_remove(st->stage->config, "Cmd");
	return set_command(st, c, "Entrypoint", err);
}

static int expand_ports(const struct planner *pl, const struct stage_state *st,
			const struct command *c, struct strv *ret,
			struct error *err)
{
	struct expand_env env = vars_expand_env(&st->env);
	AUTO(strv_release) struct strv sorted = STRV_INIT;
	size_t i;

	/* The reference sorts what was written, not what it stands for. */
	strv_append_all(&sorted, &c->in->args);
	if (strv_check(&sorted, "reading ports", err) < 0)
		return -1;
	strv_sort(&sorted);
	for (i = 0; i < sorted.len; i++)
		if (expand_words(sorted.items[i], pl->df->escape, &env, ret,
				 err) < 0)
			return -1;
	return 0;
}

/* "1-65535" is short to write many times. */
static int count_ports(struct planner *pl, size_t more, struct error *err)
{
	pl->n_ports += more;
	if (pl->n_ports <= MAX_PORTS)
		return 0;
	return error_set(err, ERROR_DOCKERFILE,
			 "EXPOSE lists more than %d ports in all", MAX_PORTS);
}

int meta_expose(struct planner *pl, struct stage_state *st,
		const struct command *c, struct error *err)
{
	AUTO(strv_release) struct strv specs = STRV_INIT;
	AUTO(strv_release) struct strv ports = STRV_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;
	size_t i;

	if (expand_ports(pl, st, c, &specs, err) < 0)
		return -1;
	for (i = 0; i < specs.len; i++)
		if (port_spec_parse(specs.items[i], &ports, NULL, err) < 0)
			return -1;
	if (count_ports(pl, ports.len, err) < 0)
		return -1;
	for (i = 0; i < ports.len; i++)
		if (config_add_name(st->stage->config, "ExposedPorts",
				    ports.items[i], err) < 0)
			return -1;
	history_list(&text, "EXPOSE", &ports);
	return stage_add_history(st, &text, NULL, err);
}

int meta_user(struct planner *pl, struct stage_state *st,
	      const struct command *c, struct error *err)
{
	autofree char *user = scope_expand(pl, st, c->in->args.items[0], err);

	if (!user || config_set(st->stage->config, "User", user, err) < 0)
		return -1;
	return add_simple(st, "USER", user, err);
}

int meta_volume(struct planner *pl, struct stage_state *st,
		const struct command *c, struct error *err)
{
	AUTO(strv_release) struct strv paths = STRV_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;
	size_t i;

	if (expand_all(pl, st, &c->in->args, &paths, err) < 0)
		return -1;
	for (i = 0; i < paths.len; i++) {
		if (!*paths.items[i])
			return error_set(err, ERROR_DOCKERFILE,
					 "VOLUME specified can not be an empty "
					 "string");
		if (config_add_name(st->stage->config, "Volumes",
				    paths.items[i], err) < 0)
			return -1;
	}
	history_list(&text, "VOLUME", &paths);
	return stage_add_history(st, &text, NULL, err);
}

int meta_stopsignal(struct planner *pl, struct stage_state *st,
		    const struct command *c, struct error *err)
{
	autofree char *name = scope_expand(pl, st, c->in->args.items[0], err);

	if (!name)
		return -1;
	if (signal_name_check(name, err) < 0)
		return -1;
	if (config_set(st->stage->config, "StopSignal", name, err) < 0)
		return -1;
	return add_simple(st, "STOPSIGNAL", name, err);
}

int meta_shell(struct planner *pl, struct stage_state *st,
	       const struct command *c, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	(void)pl;
	if (config_set_list(st->stage->config, "Shell", &c->in->args, err) < 0)
		return -1;
	history_list(&text, "SHELL", &c->in->args);
	return stage_add_history(st, &text, NULL, err);
}

/* "CMD" with a JSON list runs as it is, otherwise in a shell. */
static int read_test(const struct instruction *in, bool none, struct strv *ret,
		     struct error *err)
{
	size_t i;

	if (none)
		strv_append(ret, "NONE");
	else
		strv_append(ret, in->json ? "CMD" : "CMD-SHELL");
	for (i = 1; i < in->args.len; i++)
		strv_append(ret, in->args.items[i]);
	return strv_check(ret, "reading a health check", err);
}

int meta_healthcheck(struct planner *pl, struct stage_state *st,
		     const struct command *c, struct error *err)
{
	AUTO(strv_release) struct strv test = STRV_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct healthcheck h;

	(void)pl;
	if (healthcheck_parse(c->in, &h, err) < 0 ||
	    read_test(c->in, h.none, &test, err) < 0)
		return -1;
	if (config_set_healthcheck(st->stage->config, &test, &h, err) < 0)
		return -1;
	history_healthcheck(&text, &test, &h);
	return stage_add_history(st, &text, NULL, err);
}

/* Kept for whoever builds on this image; no history tells of it. */
int meta_onbuild(struct planner *pl, struct stage_state *st,
		 const struct command *c, struct error *err)
{
	const struct instruction *sub = c->in->onbuild;
	autofree char *text = instruction_with_heredocs(sub, sub->text, err);

	(void)pl;
	return text ? config_append(st->stage->config, "OnBuild", text, err)
		    : -1;
}

int meta_maintainer(struct planner *pl, struct stage_state *st,
		    const struct command *c, struct error *err)
{
	const char *author = c->in->args.items[0];

	(void)pl;
	if (config_set_author(st->stage->config, author, err) < 0)
		return -1;
	return add_simple(st, "MAINTAINER", author, err);
}
