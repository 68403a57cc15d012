/*
 * The linter: habits that work but should not. Pure; what only a build knows
 * is passed in as facts, and rules whose facts are missing stay silent.
 */
#ifndef PARSER_LINT_H
#define PARSER_LINT_H

#include <stdarg.h>

#include "parser/dockerfile.h"
#include "parser/lint_options.h"

struct lint_diagnostic {
	enum lint_rule rule;
	bool advice; /* no warning */
	char *message;
	int first_line; /* from 1 */
	int last_line;
};

/* Zeroed facts are no facts. All of it is borrowed. */
struct lint_facts {
	/* Takes the place of the check directive; NULL: there is none. */
	const char *check;
	/* NAME=value as given by --build-arg; NULL: none. */
	const struct strv *build_args;
	/* Cleaned patterns of .dockerignore; NULL: not known. */
	const struct strv *ignore_patterns;
	/* Which stages are built; NULL: all of them. */
	const bool *needed;
	/*
	 * Env of the image that a stage starts from, NULL when not known;
	 * asked for stages whose base is no other stage and not scratch.
	 */
	const struct strv *(*base_env)(void *ctx, size_t stage);
	/* Has that image a SHELL of its own? NULL: assumed not. */
	bool (*base_has_shell)(void *ctx, size_t stage);
	/* The USER of that image, "" for none, NULL when not known. */
	const char *(*base_user)(void *ctx, size_t stage);
	/* Is it for another platform than `*wanted`? Both are "os/arch". */
	bool (*base_is_foreign)(void *ctx, size_t stage, const char **is,
				const char **wanted);
	/* The stage that is built, in any case; NULL: the last. */
	const char *target;
	void *ctx;
};

/* What was found, by line. */
struct lint_report {
	struct lint_diagnostic *items;
	size_t len;
	size_t n_warnings;	     /* of them; the others are advice */
	struct lint_options options; /* that were in force */
	bool failed;		     /* out of memory while adding */
};

/*
 * Judge a file that dockerfile_check() accepts. ERROR_DOCKERFILE for bad
 * check options, or ERROR_NOMEM. `*ret` is for lint_report_release().
 */
int lint(const struct dockerfile *df, const struct lint_facts *facts,
	 struct lint_report *ret, struct error *err);

void lint_report_release(struct lint_report *r);
DEFINE_RELEASE(struct lint_report, lint_report_release);

/*
 * Add a finding about `in`, unless its comments or the file's options turn the
 * rule off. Running out of memory sticks in `failed`.
 */
void lint_report_add(struct lint_report *r, enum lint_rule rule,
		     const struct instruction *in, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * -1 with ERROR_DOCKERFILE ("lint violation found for rules: A, B") when there
 * are warnings and the options say "error=true"; else 0.
 */
int lint_verdict(const struct lint_report *r, struct error *err);

#endif
