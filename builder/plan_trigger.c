/* ONBUILD: what a stage does because of what it starts from. */
#include <string.h>

#include "builder/plan_internal.h"
#include "store/base/json.h"

static int stage_triggers(const struct stage_state *base, struct strv *ret,
			  struct error *err)
{
	size_t i;

	for (i = 0; i < base->n_commands; i++) {
		const struct instruction *in = base->commands[i].in;

		if (in->kind == INSTR_ONBUILD)
			strv_take(ret,
				  instruction_with_heredocs(
					  in->onbuild, in->onbuild->text, err));
	}
	return strv_check(ret, "reading triggers", err);
}

/* The triggers that starting from this base fires. */
static int list_triggers(const struct planner *pl, const struct stage_state *st,
			 struct strv *ret, struct error *err)
{
	const struct source base = ref_source(&st->base);

	if (base.kind == SOURCE_STAGE)
		return stage_triggers(state_of(pl, base.stage), ret, err);
	if (base.kind == SOURCE_IMAGE)
		return json_get_strings(
			json_object_get(base.image->config, "config"),
			"OnBuild", ret, err);
	return 0;
}

static int parse_trigger(struct planner *pl, struct stage_state *st,
			 const char *text, struct command *c, struct error *err)
{
	struct dockerfile *tree = NULL;

	if (dockerfile_parse_trigger(text, &tree, err) < 0)
		return -1;
	st->trees[st->n_trees++] = tree;
	if (instruction_check(&tree->instructions[0], tree->escape, err) < 0)
		return -1;
	c->in = &tree->instructions[0];
	c->trigger = true;
	c->first_line = st->from->first_line;
	c->last_line = st->from->last_line;
	return graph_link_command(pl, c, err);
}

static int parse_triggers(struct planner *pl, struct stage_state *st,
			  const struct strv *texts, struct error *err)
{
	size_t i;

	for (i = 0; i < texts->len; i++) {
		if (parse_trigger(pl, st, texts->items[i], &st->commands[i],
				  err) == 0)
			continue;
		err->first_line = 0;
		error_wrap(err, "trigger \"ONBUILD %.200s\" of the base image",
			   texts->items[i]);
		return error_at_lines(err, st->from->first_line,
				      st->from->last_line);
	}
	return 0;
}

/* Put the commands of triggers before the stage's own. */
static int add_triggers(struct planner *pl, struct stage_state *st,
			struct error *err)
{
	AUTO(strv_release) struct strv texts = STRV_INIT;
	struct command *all;

	st->triggers_added = true;
	if (list_triggers(pl, st, &texts, err) < 0)
		return error_at_lines(err, st->from->first_line,
				      st->from->last_line);
	if (!texts.len)
		return 0;
	st->trees = calloc(texts.len, sizeof(struct dockerfile *));
	all = calloc(texts.len + st->n_commands, sizeof(*all));
	if (!st->trees || !all) {
		free(all);
		return error_nomem(err, "reading triggers");
	}
	if (st->n_commands)
		memcpy(all + texts.len, st->commands,
		       st->n_commands * sizeof(*all));
	free(st->commands);
	st->commands = all;
	st->n_commands += texts.len;
	st->capacity = st->n_commands;
	return parse_triggers(pl, st, &texts, err);
}

int triggers_fire(struct planner *pl, bool *fired, struct error *err)
{
	size_t i;

	*fired = false;
	for (i = 0; i < pl->n_states; i++) {
		struct stage_state *st = &pl->states[i];
		size_t before = st->n_commands;

		if (!st->stage->needed || st->triggers_added || st->replaced)
			continue;
		if (add_triggers(pl, st, err) < 0)
			return -1;
		*fired |= st->n_commands > before;
	}
	return 0;
}
