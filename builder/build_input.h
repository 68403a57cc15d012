/*
 * What a build starts from: the Dockerfile's bytes, its tree, the main
 * context and the named ones.
 */
#ifndef BUILDER_BUILD_INPUT_H
#define BUILDER_BUILD_INPUT_H

#include "builder/context.h"
#include "builder/plan.h"
#include "builder/solve.h"
#include "parser/dockerfile.h"
#include "store/base/buf.h"

struct build_input {
	char *name; /* of the Dockerfile, for messages */
	struct buf text;
	struct dockerfile *tree;
	struct solve_context *contexts; /* directories; [0] is the main one
					   unless there is none */
	size_t n_contexts;
	struct named_context *named; /* as the plan wants them */
	size_t n_named;
};

struct build_input_options {
	const char *context;	/* directory, or "-": Dockerfile on stdin */
	const char *dockerfile; /* -f; NULL: Dockerfile in the context */
	const struct strv *build_contexts; /* "name=value" */
};

/*
 * Read and parse. On failure `ret` may be partly filled (its text serves the
 * error's excerpt); release it in any case.
 */
int build_input_read(struct batch *b, const struct build_input_options *options,
		     struct build_input *ret, struct error *err);
void build_input_release(struct build_input *in);
DEFINE_RELEASE(struct build_input, build_input_release);

#endif
