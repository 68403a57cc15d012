/* The lines that announce steps: "[build 2/3] RUN make". */
#ifndef BUILDER_PLAN_LABEL_H
#define BUILDER_PLAN_LABEL_H

#include "builder/plan_internal.h"

/*
 * What a step says after its bracket: the instruction with its keyword in
 * upper case and the names that are known replaced. The caller frees.
 */
char *label_text(const struct planner *pl, const struct stage_state *st,
		 const struct command *c, struct error *err);

/*
 * Put the brackets on, now that the steps of the stage are counted: they are
 * those of the plan from `first_step` on.
 */
int label_stage(struct planner *pl, struct stage_state *st, size_t first_step,
		struct error *err);

#endif
