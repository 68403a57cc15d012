/* What the parts of a build share: build.c, and build_tell.c instead of it. */
#ifndef BUILDER_BUILD_STATE_H
#define BUILDER_BUILD_STATE_H

#include "builder/build.h"
#include "builder/resolve.h"

/* One build's state between its phases. */
struct build {
	const struct build_options *options;
	const struct build_env *env;
	struct build_input input;
	struct plan_options plan_options;
	struct resolver resolver;
	struct plan *plan;
	struct step_result *results;
	struct network_pool *networks; /* NULL: none are wanted */
	struct step_share *share;
};

void build_release(struct build *b);
DEFINE_RELEASE(struct build, build_release);

/* The first phases: Dockerfile and context, then the plan. */
int build_read_input(struct build *b, struct error *err);
int build_make_plan(struct build *b, struct error *err);

/* What the plan is to know of the options; a part of build_make_plan(). */
int build_fill_plan_options(struct build *b, struct error *err);

/* What belongs under the line of an error: output and excerpt. */
void build_append_failure(const struct build *b, struct buf *report,
			  const struct error *err);

#endif
