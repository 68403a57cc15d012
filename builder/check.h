/*
 * The linter with what a build knows: its arguments, its ignore file, the
 * stages it needs and their base images.
 */
#ifndef BUILDER_CHECK_H
#define BUILDER_CHECK_H

#include "builder/build_input.h"
#include "builder/plan.h"
#include "parser/lint.h"

/*
 * Lint the Dockerfile of `in`. `plan` adds facts (NULL: only the text is
 * judged), `build_args` are NAME=value, `target` is --target or NULL.
 * BUILDKIT_DOCKERFILE_CHECK among them takes the place of the check directive.
 */
int check_run(const struct build_input *in, const struct plan *plan,
	      const struct strv *build_args, const char *target,
	      struct lint_report *ret, struct error *err);

/* Each finding with what to do and the lines, then how many there are. */
void check_append_findings(struct buf *out, const struct lint_report *r,
			   const struct build_input *in);

/* " 1 warning found:" and a line each, to stand under a build; no advice. */
void check_append_summary(struct buf *out, const struct lint_report *r);

/*
 * {"warnings": [...], "advice": [...], "sources": [...]}, as
 * `--call=check,format=json` prints it, see docs/lint.md. NULL: no memory.
 */
json_t *check_to_json(const struct lint_report *r,
		      const struct build_input *in);

/* The same of a file that cannot be checked: "buildError" says why. */
json_t *check_error_to_json(const struct error *failure,
			    const struct build_input *in);

#endif
