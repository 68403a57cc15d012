/*
 * What the parts of the planner share; nobody else includes this.
 *
 *   plan.c         the order of things, and freeing
 *   plan_scope.c   build args, global ARGs, what names mean in a stage
 *   plan_stages.c  instructions to stages: names, bases, platforms, target
 *   plan_graph.c   what refers to what, pruning, cycles, ONBUILD triggers
 *   plan_images.c  the images that stages start from or copy from
 *   plan_stage.c   evaluating one stage: config, history, labels
 *   plan_meta.c    the instructions that only change the config
 *   plan_run.c     RUN; plan_mount.c: its mounts
 *   plan_copy.c    COPY and ADD
 *   outline.c      what a target takes, told without planning it
 *   finalize.c     results to an image
 */
#ifndef BUILDER_PLAN_INTERNAL_H
#define BUILDER_PLAN_INTERNAL_H

#include "builder/plan.h"
#include "builder/vars.h"
#include "store/base/buf.h"

/* An image or a named context that a stage starts from or reads. */
struct wanted {
	char *name; /* as written, expanded */
	char *key;  /* its familiar form, for comparing */
	struct platform platform;
	const struct named_context *context; /* stands in for it, or NULL */
	struct image *image;		     /* borrowed; once resolved */
	int first_line, last_line;
	bool needed;
	bool resolved;
	bool kept; /* the plan has the image */
};

/* What a --from, a mount's from or a FROM means. */
struct ref {
	struct source source;  /* `kind` only when `wanted` decides */
	struct wanted *wanted; /* NULL: `source` is complete */
};

/* An instruction of a stage, or a trigger of what the stage starts from. */
struct command {
	const struct instruction *in;
	bool trigger;
	int first_line, last_line;
	struct ref *refs; /* COPY: the --from; RUN: one per --mount */
	size_t n_refs;
};

struct stage_state {
	struct stage *stage;
	const struct instruction *from;
	struct command *commands;
	size_t n_commands, capacity;
	struct ref base;
	bool platform_given;
	const struct named_context *replaced; /* by a context of its name */

	/* Triggers, and the trees that their commands point into. */
	bool triggers_added;
	struct dockerfile **trees;
	size_t n_trees;

	/* Stages that will start from this one and have not. */
	size_t n_children;

	/* While the stage is evaluated, and until its last child starts. */
	size_t *history_bytes; /* of all stages */
	bool evaluated;
	bool no_cache;
	bool cmd_set;	       /* by this stage, so ENTRYPOINT keeps it */
	struct vars env;       /* ENV and ARG, the later one wins */
	struct vars args;      /* ARG alone */
	struct vars image_env; /* ENV alone, from the first one on */
	bool env_changed;      /* by ENV, which the config hears of last */
};

struct planner {
	const struct dockerfile *df;
	const struct plan_options *options;
	struct plan *plan;
	struct stage_state *states; /* parallel to plan->stages */
	size_t n_states;
	struct vars globals;  /* predefined and global ARGs with values */
	struct vars declared; /* names of all ARGs anywhere */
	size_t n_global;      /* leading ARG instructions */
	struct wanted **wanted;
	size_t n_wanted;
	size_t n_ports; /* that EXPOSE listed */
	size_t history_bytes;
	bool other_sources; /* something reads more than context and stages */
};

/* plan.c */

/* All that is known before any image is: `df` and `options` are set. */
int planner_read(struct planner *pl, struct error *err);
void planner_release(struct planner *pl);
DEFINE_RELEASE(struct planner, planner_release);

/* Is the instruction good in itself? Told as an error of the file's syntax. */
int check_syntax(const struct planner *pl, const struct instruction *in,
		 struct error *err);

/* plan_scope.c */

/* The value of a --build-arg, or NULL; the last one given counts. */
const char *scope_build_arg(const struct planner *pl, const char *name);

/* Fill pl->globals: predefined names, then the ARGs before the first FROM. */
int scope_globals(struct planner *pl, struct error *err);

/* SOURCE_DATE_EPOCH into the plan. */
int scope_epoch(struct planner *pl, struct error *err);

/* Expand by what a stage knows; the caller frees. */
char *scope_expand(const struct planner *pl, const struct stage_state *st,
		   const char *word, struct error *err);

/* An ARG instruction in a stage. Appends "A=1 B" to `shown`. */
int scope_declare(struct planner *pl, struct stage_state *st,
		  const struct instruction *in, struct buf *shown,
		  struct error *err);

/* Proxy variables that the environment of a RUN gets on top. */
int scope_proxies(const struct planner *pl, const struct vars *env,
		  struct strv *ret, struct error *err);

/* A warning when build args were given that nothing declares. */
int scope_warn_unused(struct planner *pl, struct error *err);

/* plan_stages.c */
int stages_split(struct planner *pl, struct error *err);
int stages_find_target(struct planner *pl, struct error *err);

/* A stage by name, any case; the last one of that name. NULL: none. */
struct stage_state *stages_find(const struct planner *pl, const char *name);

/* The name of a stage that `name` may have been meant for, or NULL. */
const char *stages_suggest(const struct planner *pl, const char *name);

/* The state of a stage. */
static inline struct stage_state *state_of(const struct planner *pl,
					   const struct stage *stage)
{
	return &pl->states[stage->index];
}

/* plan_graph.c */

/* Say what all commands refer to; checks what is checked without pruning. */
int graph_link(struct planner *pl, struct error *err);

/* The same for one command. */
int graph_link_command(struct planner *pl, struct command *c,
		       struct error *err);

/* Mark the stages and images that the target needs, by what is linked. */
int graph_mark_needed(struct planner *pl, struct error *err);

/* Count, for each needed stage, the needed ones that start from it. */
void graph_count_children(struct planner *pl);

/* Mark what the target needs, resolve it, fire triggers, until all is there. */
int graph_prune(struct planner *pl, struct error *err);

/* plan_trigger.c */

/*
 * Put the commands of ONBUILD before those of needed stages whose base has
 * them, once for each stage. `*fired`: there were some, linked now.
 */
int triggers_fire(struct planner *pl, bool *fired, struct error *err);

/* plan_images.c */

/* An image in place of files? */
bool context_is_image(const struct named_context *c);

/* The `wanted` for a name; made when new. Blames `lines` for a bad name. */
int images_want(struct planner *pl, const char *name,
		const struct platform *platform, int first_line, int last_line,
		struct wanted **ret, struct error *err);

/* Ask the resolver for everything needed that is not there yet. */
int images_resolve(struct planner *pl, struct error *err);

/* A named context by familiar name (and platform); `*ret` NULL: none. */
int images_context(const struct planner *pl, const char *name,
		   const struct platform *platform,
		   const struct named_context **ret, struct error *err);

/* What the ref stands for, now that its image is there. */
struct source ref_source(const struct ref *ref);

/* plan_stage.c */

/*
 * `st` starts from the stage of `from` and has its variables. Is it the last
 * one to do so? Then `from` has none any more.
 */
bool stage_take_vars(struct stage_state *st, struct stage_state *from);

int stage_evaluate(struct planner *pl, struct stage_state *st,
		   struct error *err);

/* A new step at the end of the stage; the plan owns it. */
struct step *stage_add_step(struct planner *pl, struct stage_state *st,
			    const struct command *c, enum step_kind kind,
			    struct error *err);

/* Takes what is in `created_by`; `step` NULL: no layer. */
int stage_add_history(struct stage_state *st, struct buf *created_by,
		      const struct step *step, struct error *err);

/* What shell form stands for: SHELL and the text. */
int stage_shell(const struct stage_state *st, struct strv *argv,
		struct error *err);

/* plan_meta.c, plan_run.c, plan_copy.c: one per instruction. */
typedef int command_handler(struct planner *pl, struct stage_state *st,
			    const struct command *c, struct error *err);

command_handler meta_env, meta_label, meta_arg, meta_cmd, meta_entrypoint,
	meta_expose, meta_user, meta_volume, meta_stopsignal, meta_shell,
	meta_healthcheck, meta_onbuild, meta_maintainer, plan_workdir, plan_run,
	plan_copy;

/* plan_mount.c */

/* The `from` of a --mount value, unexpanded; NULL when there is none. */
int mount_from(const char *value, char escape, char **ret, struct error *err);

/* All mounts of a RUN into `args`. */
int mounts_plan(struct planner *pl, struct stage_state *st,
		const struct command *c, struct run_args *args,
		struct error *err);

/* Value of the i-th flag `name`; NULL past the last. */
const char *flag_at(const struct instruction *in, const char *name, size_t i);

#endif
