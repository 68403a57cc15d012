#include <stdio.h>
#include <string.h>

#include "builder/config.h"
#include "builder/plan_internal.h"
#include "builder/plan_label.h"

/* No image needs more; values of variables and labels are limited with it. */
enum { MAX_HISTORY_BYTES = 256 << 20 };

/* Triggers come from anywhere, so what handlers rely on is checked here. */
static const struct {
	command_handler *handle;
	size_t min_args;
} handlers[] = {
	[INSTR_ADD] = { plan_copy, 2 },
	[INSTR_ARG] = { meta_arg, 1 },
	[INSTR_CMD] = { meta_cmd, 0 },
	[INSTR_COPY] = { plan_copy, 2 },
	[INSTR_ENTRYPOINT] = { meta_entrypoint, 0 },
	[INSTR_ENV] = { meta_env, 2 },
	[INSTR_EXPOSE] = { meta_expose, 1 },
	[INSTR_HEALTHCHECK] = { meta_healthcheck, 1 },
	[INSTR_LABEL] = { meta_label, 2 },
	[INSTR_MAINTAINER] = { meta_maintainer, 1 },
	[INSTR_ONBUILD] = { meta_onbuild, 0 },
	[INSTR_RUN] = { plan_run, 1 },
	[INSTR_SHELL] = { meta_shell, 1 },
	[INSTR_STOPSIGNAL] = { meta_stopsignal, 1 },
	[INSTR_USER] = { meta_user, 1 },
	[INSTR_VOLUME] = { meta_volume, 1 },
	[INSTR_WORKDIR] = { plan_workdir, 1 },
};

static int grow_history(struct stage *stage, struct error *err)
{
	struct history_item *more;

	/* Doubling whenever the length is a power of two. */
	if (stage->n_history & (stage->n_history - 1))
		return 0;
	more = realloc(stage->history,
		       (stage->n_history ? stage->n_history * 2 : 1) *
			       sizeof(*more));
	if (!more)
		return error_nomem(err, "writing history");
	stage->history = more;
	return 0;
}

static int append_history(struct stage *stage, char *created_by,
			  const struct step *step, struct error *err)
{
	if (grow_history(stage, err) < 0) {
		free(created_by);
		return -1;
	}
	stage->history[stage->n_history++] = (struct history_item){
		.created_by = created_by,
		.step = step,
	};
	return 0;
}

int stage_add_history(struct stage_state *st, struct buf *created_by,
		      const struct step *step, struct error *err)
{
	char *text;

	/* ENV a=$a$a doubles, line by line, and ends up in here. */
	*st->history_bytes += created_by->len;
	if (*st->history_bytes > MAX_HISTORY_BYTES)
		return error_set(err, ERROR_DOCKERFILE,
				 "the histories of all stages are longer than "
				 "%d MiB",
				 MAX_HISTORY_BYTES >> 20);
	text = buf_steal_checked(created_by, "writing history", err);
	return text ? append_history(st->stage, text, step, err) : -1;
}

static int keep_step(struct plan *p, struct step *step, struct error *err)
{
	struct step **more;

	if (!(p->n_steps & (p->n_steps - 1))) {
		size_t room = p->n_steps ? p->n_steps * 2 : 1;

		more = realloc(p->steps, room * sizeof(struct step *));
		if (!more)
			return error_nomem(err, "planning steps");
		p->steps = more;
	}
	step->id = p->n_steps;
	p->steps[p->n_steps++] = step;
	return 0;
}

/* What the first step of a stage and of those it stands on begins with. */
static struct source root_of(const struct stage *stage)
{
	while (stage->base.kind == SOURCE_STAGE)
		stage = stage->base.stage;
	return stage->base;
}

static void place_step(struct stage *stage, struct step *step)
{
	step->stage = stage;
	step->parent = stage->last;
	step->base = root_of(stage);
	stage->last = step;
}

struct step *stage_add_step(struct planner *pl, struct stage_state *st,
			    const struct command *c, enum step_kind kind,
			    struct error *err)
{
	struct step *step = calloc(1, sizeof(*step));

	if (!step) {
		error_nomem(err, "planning steps");
		return NULL;
	}
	if (keep_step(pl->plan, step, err) < 0) {
		free(step);
		return NULL;
	}
	step->kind = kind;
	step->no_cache = st->no_cache;
	place_step(st->stage, step);
	if (!c)
		return step;
	step->first_line = c->first_line;
	step->last_line = c->last_line;
	step->label = label_text(pl, st, c, err);
	return step->label ? step : NULL;
}

int stage_shell(const struct stage_state *st, struct strv *argv,
		struct error *err)
{
	size_t before = argv->len;

	if (config_get_list(st->stage->config, "Shell", argv, err) < 0)
		return -1;
	if (argv->len == before) {
		strv_append(argv, "/bin/sh");
		strv_append(argv, "-c");
	}
	return strv_check(argv, "reading the shell", err);
}

static void take_vars(struct vars *to, struct vars *from, bool last)
{
	if (!last) {
		vars_add_all(to, &from->list);
		return;
	}
	*to = *from;
	*from = (struct vars){ 0 };
}

/* A thousand stages with ten thousand copies each would not fit in memory. */
bool stage_take_vars(struct stage_state *st, struct stage_state *from)
{
	bool last = --from->n_children == 0;

	take_vars(&st->env, &from->env, last);
	take_vars(&st->args, &from->args, last);
	return last;
}

/*
 * Everything of the earlier stage goes on, except its ONBUILD triggers; the
 * last stage that starts from it takes what it had.
 */
static int start_on_stage(struct planner *pl, struct stage_state *st,
			  const struct stage *base, struct error *err)
{
	struct stage_state *from = state_of(pl, base);
	struct stage *stage = st->stage;
	bool last = stage_take_vars(st, from);

	stage->config = last ? config_take_base(
				       steal_pointer(&from->stage->config), err)
			     : config_from_base(base->config, err);
	if (!stage->config)
		return -1;
	stage->last = base->last;
	if (vars_check(&st->env, "starting a stage", err) < 0)
		return -1;
	return vars_check(&st->args, "starting a stage", err);
}

/* Of a name that a config gives twice, the later value counts. */
static int load_env(struct stage_state *st, struct error *err)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	size_t i;

	if (config_get_list(st->stage->config, "Env", &list, err) < 0)
		return -1;
	for (i = 0; i < list.len; i++) {
		char *equals = strchr(list.items[i], '=');

		if (equals)
			*equals = '\0';
		vars_set(&st->env, list.items[i], equals ? equals + 1 : "");
	}
	return vars_check(&st->env, "starting a stage", err);
}

static int start_on_nothing(struct stage_state *st, struct error *err)
{
	struct stage *stage = st->stage;

	stage->config = config_scratch(&stage->platform, err);
	return stage->config ? load_env(st, err) : -1;
}

static int start_on_image(struct stage_state *st, const struct image *image,
			  struct error *err)
{
	struct stage *stage = st->stage;

	stage->config = config_from_base(image->config, err);
	return stage->config ? load_env(st, err) : -1;
}

/*
 * A folder as a base: its files are copied onto the empty root by a step that
 * no instruction asked for.
 */
static int start_on_context(struct planner *pl, struct stage_state *st,
			    const struct source *base, struct error *err)
{
	struct step *step;

	st->stage->base.kind = SOURCE_SCRATCH;
	if (start_on_nothing(st, err) < 0)
		return -1;
	step = stage_add_step(pl, st, NULL, STEP_COPY, err);
	if (!step)
		return -1;
	step->first_line = st->from->first_line;
	step->last_line = st->from->last_line;
	step->u.copy.from = *base;
	step->u.copy.dest = strdup("/");
	if (asprintf(&step->label, "FROM %s", base->context) < 0)
		step->label = NULL;
	strv_append(&step->u.copy.sources, "/");
	if (!step->u.copy.dest || !step->label)
		return error_nomem(err, "planning steps");
	if (append_history(st->stage, NULL, step, err) < 0)
		return -1;
	return strv_check(&step->u.copy.sources, "planning steps", err);
}

static int start(struct planner *pl, struct stage_state *st, struct error *err)
{
	struct stage *stage = st->stage;
	const struct source base = ref_source(&st->base);

	stage->base = base;
	switch (base.kind) {
	case SOURCE_STAGE:
		return start_on_stage(pl, st, base.stage, err);
	case SOURCE_IMAGE:
		return start_on_image(st, base.image, err);
	case SOURCE_CONTEXT:
		return start_on_context(pl, st, &base, err);
	default:
		return start_on_nothing(st, err);
	}
}

static int run_command(struct planner *pl, struct stage_state *st,
		       const struct command *c, struct error *err)
{
	enum instruction_kind kind = c->in->kind;
	int r;

	if (kind >= ARRAY_LEN(handlers) || !handlers[kind].handle)
		r = error_set(err, ERROR_DOCKERFILE,
			      "%s isn't allowed as an ONBUILD trigger",
			      instruction_name(kind));
	else if (c->in->args.len < handlers[kind].min_args)
		r = error_set(err, ERROR_DOCKERFILE, "%s lacks an argument",
			      instruction_name(kind));
	else
		r = handlers[kind].handle(pl, st, c, err);
	return r < 0 ? error_at_lines(err, c->first_line, c->last_line) : 0;
}

static int store_env(struct stage_state *st, struct error *err)
{
	int rc = config_set_list(st->stage->config, "Env", &st->image_env.list,
				 err);

	vars_release(&st->image_env);
	return rc;
}

int stage_evaluate(struct planner *pl, struct stage_state *st,
		   struct error *err)
{
	size_t first_step = pl->plan->n_steps, i;

	if (start(pl, st, err) < 0)
		return error_at_lines(err, st->from->first_line,
				      st->from->last_line);
	for (i = 0; i < st->n_commands; i++)
		if (run_command(pl, st, &st->commands[i], err) < 0)
			return -1;
	if (st->env_changed && store_env(st, err) < 0)
		return -1;
	st->evaluated = true;
	if (!st->n_children) {
		vars_release(&st->env);
		vars_release(&st->args);
	}
	return label_stage(pl, st, first_step, err);
}
