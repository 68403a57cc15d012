#include <string.h>

#include "builder/plan_internal.h"

#define WHAT "linking stages"

const char *flag_at(const struct instruction *in, const char *name, size_t i)
{
	size_t len = strlen(name), k;

	for (k = 0; k < in->flags.len; k++) {
		const char *flag = in->flags.items[k];

		if (strncmp(flag, "--", 2) || strncmp(flag + 2, name, len))
			continue;
		if (flag[len + 2] != '=' && flag[len + 2] != '\0')
			continue;
		if (i-- == 0)
			return flag[len + 2] ? flag + len + 3 : "";
	}
	return NULL;
}

static void refer_to_stage(const struct stage_state *st, struct ref *ret)
{
	/* A folder given in the stage's place is read as it is. */
	if (st->replaced && !context_is_image(st->replaced)) {
		ret->source.kind = SOURCE_CONTEXT;
		ret->source.context = st->replaced->name;
		return;
	}
	ret->source.kind = SOURCE_STAGE;
	ret->source.stage = st->stage;
}

/* A stage, the empty root, a named context or an image. */
static int refer_to_name(struct planner *pl, const struct command *c,
			 const char *name, struct ref *ret, struct error *err)
{
	const struct stage_state *st = stages_find(pl, name);

	if (st) {
		refer_to_stage(st, ret);
		return 0;
	}
	pl->other_sources = true;
	if (!strcmp(name, "scratch")) {
		ret->source.kind = SOURCE_SCRATCH;
		return 0;
	}
	return images_want(pl, name, &pl->options->platform, c->first_line,
			   c->last_line, &ret->wanted, err);
}

static int refuse_expansion(const struct planner *pl, const char *from,
			    struct error *err)
{
	AUTO(strv_release) struct strv none = STRV_INIT;
	struct expand_env env = expand_env_from_strv(&none);
	autofree char *expanded = expand_word(from, pl->df->escape, &env, err);

	if (!expanded)
		return -1;
	if (!strcmp(expanded, from))
		return 0;
	return error_set(err, ERROR_DOCKERFILE,
			 "variable expansion is not supported for --from, "
			 "define a new stage with FROM using ARG from global "
			 "scope as a workaround");
}

static int link_copy(struct planner *pl, struct command *c, struct error *err)
{
	const char *from = instruction_flag(c->in, "from");
	char *end;
	long index;

	if (!from || !*from)
		return 0;
	if (refuse_expansion(pl, from, err) < 0)
		return -1;
	c->refs = calloc(1, sizeof(*c->refs));
	if (!c->refs)
		return error_nomem(err, WHAT);
	c->n_refs = 1;
	index = strtol(from, &end, 10);
	if (*end)
		return refer_to_name(pl, c, from, &c->refs[0], err);
	if (index < 0 || (size_t)index >= pl->n_states)
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid stage index %s", from);
	refer_to_stage(&pl->states[index], &c->refs[0]);
	return 0;
}

static int link_mount(struct planner *pl, struct command *c, const char *value,
		      struct ref *ret, struct error *err)
{
	autofree char *from = NULL;

	/* What no `from` means depends on the type, which may be a variable. */
	ret->source.kind = SOURCE_SCRATCH;
	if (mount_from(value, pl->df->escape, &from, err) < 0)
		return -1;
	pl->other_sources |= !from;
	return from ? refer_to_name(pl, c, from, ret, err) : 0;
}

static int link_run(struct planner *pl, struct command *c, struct error *err)
{
	size_t n = 0, i;

	while (flag_at(c->in, "mount", n))
		n++;
	if (!n)
		return 0;
	c->refs = calloc(n, sizeof(*c->refs));
	if (!c->refs)
		return error_nomem(err, WHAT);
	c->n_refs = n;
	for (i = 0; i < n; i++)
		if (link_mount(pl, c, flag_at(c->in, "mount", i), &c->refs[i],
			       err) < 0)
			return -1;
	return 0;
}

int graph_link_command(struct planner *pl, struct command *c, struct error *err)
{
	int r = 0;

	if (c->in->kind == INSTR_COPY)
		r = link_copy(pl, c, err);
	else if (c->in->kind == INSTR_RUN)
		r = link_run(pl, c, err);
	return r < 0 ? error_at_lines(err, c->first_line, c->last_line) : 0;
}

static bool refers_to_open(const bool *closed, const struct command *c)
{
	size_t i;

	for (i = 0; i < c->n_refs; i++) {
		const struct source *s = &c->refs[i].source;

		if (!c->refs[i].wanted && s->kind == SOURCE_STAGE &&
		    !closed[s->stage->index])
			return true;
	}
	return false;
}

/* The first command of the stage that reads a stage not yet closed. */
static const struct command *open_command(const bool *closed,
					  const struct stage_state *st)
{
	size_t i;

	for (i = 0; i < st->n_commands; i++)
		if (refers_to_open(closed, &st->commands[i]))
			return &st->commands[i];
	return NULL;
}

static int circular(const struct stage_state *st, const struct command *c,
		    struct error *err)
{
	const struct stage *stage = st->stage;
	autofree char *unnamed = NULL;
	const char *name = stage->name, *from;

	if (!name && asprintf(&unnamed, "stage-%zu", stage->index) < 0) {
		unnamed = NULL;
		return error_nomem(err, WHAT);
	}
	name = name ? name : unnamed;
	from = instruction_flag(c->in, "from");
	error_set(err, ERROR_DOCKERFILE,
		  "circular dependency detected on stage: %s", name);
	/* The usual way to get here is a stage that copies from itself. */
	if (from && c->refs[0].source.stage == stage)
		error_wrap(err,
			   "cannot copy from stage \"%s\", it needs to be "
			   "defined before current stage \"%s\"",
			   from, name);
	return error_at_lines(err, c->first_line, c->last_line);
}

/*
 * Close stages that read closed stages only, until nothing changes: what
 * stays open leads into a circle. Also judges stages that will be pruned.
 */
static int check_circles(const struct planner *pl, struct error *err)
{
	autofree bool *closed = calloc(pl->n_states, sizeof(*closed));
	bool changed = true;
	size_t i;

	if (!closed)
		return error_nomem(err, WHAT);
	while (changed) {
		changed = false;
		for (i = 0; i < pl->n_states; i++) {
			if (closed[i] || open_command(closed, &pl->states[i]))
				continue;
			closed[i] = changed = true;
		}
	}
	for (i = 0; i < pl->n_states; i++)
		if (!closed[i])
			return circular(&pl->states[i],
					open_command(closed, &pl->states[i]),
					err);
	return 0;
}

int graph_link(struct planner *pl, struct error *err)
{
	size_t i, j;

	for (i = 0; i < pl->n_states; i++) {
		struct stage_state *st = &pl->states[i];

		for (j = 0; j < st->n_commands; j++)
			if (graph_link_command(pl, &st->commands[j], err) < 0)
				return -1;
	}
	return check_circles(pl, err);
}

/* Stages that are needed and whose own needs are not marked yet. */
struct worklist {
	struct stage **stages;
	size_t len;
};

static void need(struct worklist *todo, const struct ref *ref)
{
	struct stage *stage = ref->source.stage;

	if (ref->wanted) {
		ref->wanted->needed = true;
		return;
	}
	if (ref->source.kind != SOURCE_STAGE || stage->needed)
		return;
	stage->needed = true;
	todo->stages[todo->len++] = stage;
}

int graph_mark_needed(struct planner *pl, struct error *err)
{
	autofree struct stage **room = calloc(pl->n_states, sizeof(*room));
	struct worklist todo = { room, 0 };
	size_t i, j;

	if (!room)
		return error_nomem(err, WHAT);
	for (i = 0; i < pl->n_states; i++)
		pl->plan->stages[i].needed = false;
	need(&todo, &(struct ref){ .source = { .kind = SOURCE_STAGE,
					       .stage = pl->plan->target } });
	while (todo.len) {
		struct stage_state *st = state_of(pl, todo.stages[--todo.len]);

		need(&todo, &st->base);
		for (i = 0; i < st->n_commands; i++)
			for (j = 0; j < st->commands[i].n_refs; j++)
				need(&todo, &st->commands[i].refs[j]);
	}
	return 0;
}

int graph_prune(struct planner *pl, struct error *err)
{
	bool fired;

	/* A trigger may read stages and images that nothing read so far. */
	do {
		if (graph_mark_needed(pl, err) < 0 ||
		    images_resolve(pl, err) < 0 ||
		    triggers_fire(pl, &fired, err) < 0)
			return -1;
	} while (fired);
	return 0;
}

void graph_count_children(struct planner *pl)
{
	size_t i;

	for (i = 0; i < pl->n_states; i++) {
		const struct ref *base = &pl->states[i].base;

		if (pl->plan->stages[i].needed && !base->wanted &&
		    base->source.kind == SOURCE_STAGE)
			state_of(pl, base->source.stage)->n_children++;
	}
}
