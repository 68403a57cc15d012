#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "builder/plan_internal.h"
#include "parser/suggest.h"
#include "store/base/array.h"
#include "store/base/text.h"

#define WHAT "reading stages"

static size_t count_stages(const struct dockerfile *df)
{
	size_t n = 0, i;

	for (i = 0; i < df->len; i++)
		n += df->instructions[i].kind == INSTR_FROM;
	return n;
}

static int allocate(struct planner *pl, struct error *err)
{
	struct plan *p = pl->plan;
	size_t n = count_stages(pl->df), i;

	if (!n)
		return error_set(err, ERROR_DOCKERFILE,
				 "dockerfile contains no stages to build");
	p->stages = calloc(n, sizeof(*p->stages));
	pl->states = calloc(n, sizeof(*pl->states));
	if (!p->stages || !pl->states)
		return error_nomem(err, WHAT);
	p->n_stages = pl->n_states = n;
	for (i = 0; i < n; i++) {
		p->stages[i].index = i;
		pl->states[i].stage = &p->stages[i];
		pl->states[i].history_bytes = &pl->history_bytes;
	}
	return 0;
}

static char *lower_copy(const char *text)
{
	char *copy = strdup(text);

	text_lower(copy);
	return copy;
}

struct stage_state *stages_find(const struct planner *pl, const char *name)
{
	size_t i;

	for (i = pl->n_states; i > 0; i--) {
		struct stage_state *st = &pl->states[i - 1];

		if (st->stage->name && !strcasecmp(st->stage->name, name))
			return st;
	}
	return NULL;
}

/* FROM takes names exactly as they are kept: in lower case. */
static struct stage_state *find_base_stage(const struct planner *pl,
					   const struct stage_state *st,
					   const char *name)
{
	size_t i;

	for (i = st->stage->index; i > 0; i--) {
		struct stage_state *earlier = &pl->states[i - 1];

		if (earlier->stage->name && !strcmp(earlier->stage->name, name))
			return earlier;
	}
	return NULL;
}

/* Expand by the global ARGs, the only names that FROM knows. */
static char *expand_global(const struct planner *pl, const char *word,
			   struct error *err)
{
	struct expand_env env = vars_expand_env(&pl->globals);

	return expand_word(word, pl->df->escape, &env, err);
}

/* --platform, else the wanted one. */
static int read_platform(struct planner *pl, struct stage_state *st,
			 struct error *err)
{
	const char *flag = instruction_flag(st->from, "platform");
	autofree char *text = NULL;

	st->stage->platform = pl->options->platform;
	if (!flag)
		return 0;
	text = expand_global(pl, flag, err);
	if (!text)
		return -1;
	if (!*text)
		return error_set(err, ERROR_DOCKERFILE,
				 "empty platform value from expression %s",
				 flag);
	if (platform_parse(text, &st->stage->platform, err) < 0) {
		err->kind = ERROR_DOCKERFILE;
		return error_wrap(err, "failed to parse platform %s", flag);
	}
	st->platform_given = true;
	return 0;
}

static int start_from_stage(struct stage_state *st,
			    const struct stage_state *base)
{
	st->stage->platform = base->stage->platform;
	/* A folder given in a stage's place has no steps to stand on. */
	if (base->replaced && !context_is_image(base->replaced)) {
		st->base.source.kind = SOURCE_CONTEXT;
		st->base.source.context = base->replaced->name;
		return 0;
	}
	st->base.source.kind = SOURCE_STAGE;
	st->base.source.stage = base->stage;
	return 0;
}

/* A bad name is hard to see in a word with variables. */
static int want_image(struct planner *pl, struct stage_state *st,
		      const char *name, struct error *err)
{
	const struct instruction *in = st->from;
	const char *word = in->args.items[0];

	if (images_want(pl, name, &st->stage->platform, in->first_line,
			in->last_line, &st->base.wanted, err) == 0)
		return 0;
	if (err->kind != ERROR_DOCKERFILE || !strchr(word, '$'))
		return -1;
	return error_wrap(err,
			  "%s is \"%s\" (its variables are the ARGs before the "
			  "first FROM)",
			  word, name);
}

static int read_base(struct planner *pl, struct stage_state *st,
		     struct error *err)
{
	const struct instruction *in = st->from;
	autofree char *name = expand_global(pl, in->args.items[0], err);
	const struct stage_state *base;

	if (!name)
		return -1;
	if (!*name)
		return error_set(err, ERROR_DOCKERFILE,
				 "base name (%s) should not be blank%s",
				 in->args.items[0],
				 strchr(in->args.items[0], '$')
					 ? " (give the variable a value by ARG "
					   "before the first FROM, or by "
					   "--build-arg)"
					 : "");
	if (st->replaced)
		return 0;
	if (read_platform(pl, st, err) < 0)
		return -1;
	base = find_base_stage(pl, st, name);
	if (base)
		return start_from_stage(st, base);
	if (!strcmp(name, "scratch")) {
		st->base.source.kind = SOURCE_SCRATCH;
		st->stage->platform = pl->options->platform;
		return 0;
	}
	return want_image(pl, st, name, err);
}

/* --build-context with the name of a stage takes the stage's place. */
static int read_replacement(struct planner *pl, struct stage_state *st,
			    struct error *err)
{
	if (images_context(pl, st->stage->name, &st->stage->platform,
			   &st->replaced, err) < 0)
		return -1;
	if (!st->replaced)
		return 0;
	if (context_is_image(st->replaced))
		return images_want(pl, st->stage->name, &st->stage->platform,
				   st->from->first_line, st->from->last_line,
				   &st->base.wanted, err);
	st->base.source.kind = SOURCE_CONTEXT;
	st->base.source.context = st->replaced->name;
	return 0;
}

static bool stage_no_cache(const struct plan_options *o,
			   const struct stage *stage)
{
	size_t i;

	for (i = 0; stage->name && i < o->no_cache_stages.len; i++)
		if (!strcasecmp(o->no_cache_stages.items[i], stage->name))
			return true;
	return o->no_cache;
}

static int read_from(struct planner *pl, struct stage_state *st,
		     const struct instruction *in, struct error *err)
{
	struct stage *stage = st->stage;

	st->from = in;
	stage->from_line = in->first_line;
	stage->platform = pl->options->platform;
	if (in->args.len == 3) {
		stage->name = lower_copy(in->args.items[2]);
		if (!stage->name)
			return error_nomem(err, WHAT);
		if (read_replacement(pl, st, err) < 0)
			return -1;
	}
	st->no_cache = stage_no_cache(pl->options, stage);
	return read_base(pl, st, err);
}

static int add_command(struct stage_state *st, const struct instruction *in,
		       struct error *err)
{
	struct command *more = array_room(st->commands, st->n_commands,
					  &st->capacity, sizeof(*more));

	if (!more)
		return error_nomem(err, WHAT);
	st->commands = more;
	st->commands[st->n_commands++] = (struct command){
		.in = in,
		.first_line = in->first_line,
		.last_line = in->last_line,
	};
	return 0;
}

static int split_one(struct planner *pl, struct stage_state **current,
		     const struct instruction *in, struct error *err)
{
	if (check_syntax(pl, in, err) < 0)
		return -1;
	if (in->kind == INSTR_FROM) {
		*current = *current ? *current + 1 : pl->states;
		return read_from(pl, *current, in, err);
	}
	if (!*current)
		return error_set(err, ERROR_DOCKERFILE,
				 "no build stage in current context: %s stands "
				 "before the first FROM",
				 instruction_name(in->kind));
	if ((*current)->replaced)
		return 0;
	return add_command(*current, in, err);
}

int stages_split(struct planner *pl, struct error *err)
{
	const struct dockerfile *df = pl->df;
	struct stage_state *current = NULL;
	size_t i;

	if (allocate(pl, err) < 0)
		return -1;
	for (i = pl->n_global; i < df->len; i++) {
		const struct instruction *in = &df->instructions[i];

		if (split_one(pl, &current, in, err) < 0)
			return error_at_lines(err, in->first_line,
					      in->last_line);
	}
	return 0;
}

/* Names of stages never begin with a digit, so an index cannot be one. */
static struct stage_state *find_by_index(const struct planner *pl,
					 const char *text)
{
	unsigned long index;
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	index = strtoul(text, &end, 10);
	return !*end && index < pl->n_states ? &pl->states[index] : NULL;
}

const char *stages_suggest(const struct planner *pl, const char *name)
{
	autofree const char **names = calloc(pl->n_states, sizeof(*names));
	size_t i;

	/* Without memory there is no hint, and the error is told all the same.
	 */
	for (i = 0; names && i < pl->n_states; i++)
		names[i] = pl->plan->stages[i].name;
	return names ? suggest(name, names, pl->n_states, true) : NULL;
}

static int unknown_target(const struct planner *pl, const char *target,
			  struct error *err)
{
	struct hint storage;

	return error_set(err, ERROR_DOCKERFILE,
			 "target stage \"%s\" could not be found%s", target,
			 hint(&storage, stages_suggest(pl, target)));
}

int stages_find_target(struct planner *pl, struct error *err)
{
	const char *target = pl->options->target;
	struct stage_state *st = &pl->states[pl->n_states - 1];

	if (target && *target) {
		st = stages_find(pl, target);
		if (!st)
			st = find_by_index(pl, target);
		if (!st)
			return unknown_target(pl, target, err);
	}
	pl->plan->target = st->stage;
	return 0;
}
