#include <string.h>

#include "builder/config.h"
#include "builder/plan_internal.h"

static void inline_files_free(struct inline_file *files, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(files[i].name);
		free(files[i].content);
	}
	free(files);
}

static void run_args_release(struct run_args *run)
{
	size_t i;

	strv_release(&run->argv);
	strv_release(&run->env);
	strv_release(&run->quiet_env);
	free(run->user);
	free(run->cwd);
	free(run->network);
	for (i = 0; i < run->n_mounts; i++)
		mount_spec_release(&run->mounts[i].spec);
	free(run->mounts);
	inline_files_free(run->scripts, run->n_scripts);
}

static void copy_args_release(struct copy_args *copy)
{
	strv_release(&copy->sources);
	strv_release(&copy->excludes);
	inline_files_free(copy->files, copy->n_files);
	free(copy->dest);
	free(copy->chown);
	free(copy->chmod);
	free(copy->checksum);
}

static void step_free(struct step *step)
{
	switch (step->kind) {
	case STEP_RUN:
		run_args_release(&step->u.run);
		break;
	case STEP_COPY:
	case STEP_ADD:
		copy_args_release(&step->u.copy);
		break;
	case STEP_WORKDIR:
		free(step->u.workdir.path);
		free(step->u.workdir.user);
		break;
	}
	free(step->label);
	free(step);
}

static void stage_release(struct stage *stage)
{
	size_t i;

	for (i = 0; i < stage->n_history; i++)
		free(stage->history[i].created_by);
	free(stage->history);
	free(stage->name);
	free(stage->base_label);
	json_decref(stage->config);
}

void plan_free(struct plan *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->n_stages; i++)
		stage_release(&p->stages[i]);
	for (i = 0; i < p->n_steps; i++)
		step_free(p->steps[i]);
	for (i = 0; i < p->n_images; i++)
		image_free(p->images[i]);
	free(p->stages);
	free(p->steps);
	free(p->images);
	strv_release(&p->warnings);
	free(p);
}

static void state_release(struct stage_state *st)
{
	size_t i;

	for (i = 0; i < st->n_commands; i++)
		free(st->commands[i].refs);
	for (i = 0; i < st->n_trees; i++)
		dockerfile_free(st->trees[i]);
	free(st->commands);
	free(st->trees);
	vars_release(&st->env);
	vars_release(&st->args);
	vars_release(&st->image_env);
}

void planner_release(struct planner *pl)
{
	size_t i;

	for (i = 0; i < pl->n_states; i++)
		state_release(&pl->states[i]);
	for (i = 0; i < pl->n_wanted; i++) {
		free(pl->wanted[i]->name);
		free(pl->wanted[i]->key);
		free(pl->wanted[i]);
	}
	free(pl->states);
	free(pl->wanted);
	vars_release(&pl->globals);
	vars_release(&pl->declared);
	plan_free(pl->plan);
}
int check_syntax(const struct planner *pl, const struct instruction *in,
		 struct error *err)
{
	if (instruction_check(in, pl->df->escape, err) == 0)
		return 0;
	return error_wrap(err, "dockerfile parse error on line %d",
			  in->first_line);
}

static int evaluate_stages(struct planner *pl, struct error *err)
{
	size_t i;

	graph_count_children(pl);
	for (i = 0; i < pl->n_states; i++)
		if (pl->plan->stages[i].needed &&
		    stage_evaluate(pl, &pl->states[i], err) < 0)
			return -1;
	return 0;
}

/* --label, which leaves no history, and the platform asked for. */
static int finish_target(struct planner *pl, struct error *err)
{
	const struct strv *labels = &pl->options->labels;
	json_t *config = pl->plan->target->config;
	size_t i;

	for (i = 0; i < labels->len; i++) {
		const char *label = labels->items[i];
		size_t len = strcspn(label, "=");
		autofree char *name = strndup(label, len);

		if (!name)
			return error_nomem(err, "setting labels");
		if (config_set_label(config, name,
				     label[len] ? label + len + 1 : "",
				     err) < 0)
			return -1;
	}
	if (!pl->options->platform_given)
		return 0;
	return config_set_platform(config, &pl->options->platform, err);
}

int planner_read(struct planner *pl, struct error *err)
{
	pl->plan = calloc(1, sizeof(*pl->plan));
	if (!pl->plan)
		return error_nomem(err, "planning the build");
	if (scope_globals(pl, err) < 0 || scope_epoch(pl, err) < 0 ||
	    stages_split(pl, err) < 0 || stages_find_target(pl, err) < 0)
		return -1;
	return graph_link(pl, err);
}

int plan_new(const struct dockerfile *df, const struct plan_options *options,
	     struct plan **ret, struct error *err)
{
	AUTO(planner_release)
	struct planner pl = { .df = df, .options = options };

	if (planner_read(&pl, err) < 0 || graph_prune(&pl, err) < 0 ||
	    evaluate_stages(&pl, err) < 0 || finish_target(&pl, err) < 0 ||
	    scope_warn_unused(&pl, err) < 0)
		return -1;
	*ret = steal_pointer(&pl.plan);
	return 0;
}

static bool is_context(const struct source *source, const char *name)
{
	return source->kind == SOURCE_CONTEXT && !strcmp(source->context, name);
}

static bool step_reads(const struct step *step, const char *name)
{
	const struct run_args *run = &step->u.run;

	if (step->kind == STEP_WORKDIR)
		return false;
	if (step->kind != STEP_RUN)
		return is_context(&step->u.copy.from, name);
	for (size_t i = 0; i < run->n_mounts; i++)
		if (is_context(&run->mounts[i].from, name))
			return true;
	return false;
}

bool plan_reads_context(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_steps; i++)
		if (step_reads(p->steps[i], name))
			return true;
	return false;
}
