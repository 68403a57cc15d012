/*
 * What a build starts from: the Dockerfile's bytes, its tree, the main
 * context and the named ones.
 */
#ifndef BUILDER_BUILD_INPUT_H
#define BUILDER_BUILD_INPUT_H

#include "builder/context.h"
#include "builder/fetch.h"
#include "builder/plan.h"
#include "builder/solve.h"
#include "parser/dockerfile.h"
#include "store/base/buf.h"

struct build_input {
	char *name; /* of the Dockerfile, for messages */
	struct buf text;
	struct dockerfile *tree;
	struct solve_context *contexts; /* opened ones; [0] is the main one
					   unless there is none */
	size_t n_contexts;
	struct named_context *named; /* as the plan wants them */
	size_t n_named;
	struct strv values; /* of each named one, what the user gave */
};

struct build_input_options {
	const char *context;	/* see context_place_open() */
	const char *dockerfile; /* -f: a file, "-" or a URL; NULL: Dockerfile in
				   the context */
	const struct strv *build_contexts; /* "name=value" */
	bool keep_git_dir;		   /* of repositories */
};

/*
 * Read and parse. On failure `ret` may be partly filled (its text serves the
 * error's excerpt); release it in any case. Named contexts are not opened yet.
 */
int build_input_read(const struct fetch_env *env,
		     const struct build_input_options *options,
		     struct build_input *ret, struct error *err);

/*
 * Open the named contexts that hold files which `plan` reads, unless they are
 * open: a build may have several plans.
 */
int build_input_open_named(const struct fetch_env *env,
			   const struct build_input_options *options,
			   const struct plan *plan, struct build_input *in,
			   struct error *err);
void build_input_release(struct build_input *in);
DEFINE_RELEASE(struct build_input, build_input_release);

#endif
