/* Between the parts of the linter. */
#ifndef PARSER_LINT_INTERNAL_H
#define PARSER_LINT_INTERNAL_H

#include "parser/ignore.h"
#include "parser/lint.h"
#include "parser/lint_scope.h"

/* A stage while and after its instructions are visited. */
struct lint_stage {
	const struct instruction *from;
	char *name;			 /* lower case; NULL when unnamed */
	const struct lint_stage *parent; /* the stage it starts from, or NULL */
	bool on_scratch;
	bool user_set;
	bool in_result; /* its layers are those of the image that is built */
	struct scope scope;
	/* The last CMD, ENTRYPOINT, HEALTHCHECK so far. */
	const struct instruction *cmd, *entrypoint, *healthcheck;
};

struct linter {
	const struct dockerfile *df;
	const struct lint_facts *facts;
	struct lint_report *report;
	struct scope global;   /* ARG before the first FROM, platforms */
	struct scope defaults; /* the same without --build-arg */
	struct lint_stage *stages;
	size_t n_stages;
	struct map *stage_names; /* name to the last stage that has it */
	struct ignore *ignore;	 /* NULL: nothing to judge */
};

/* Rules about a FROM line, which opens the stage `stage`. */
void lint_from(struct linter *l, struct lint_stage *stage);

/*
 * Rules about another instruction; `stage` is NULL before the first FROM.
 * Brings the scope up to date.
 */
void lint_instruction(struct linter *l, struct lint_stage *stage,
		      const struct instruction *in);

/* The same for those that set variables. */
void lint_arg(struct linter *l, struct lint_stage *stage,
	      const struct instruction *in);
void lint_env(struct linter *l, struct lint_stage *stage,
	      const struct instruction *in);

/* Are the variables that another instruction uses set? */
void lint_variables(struct linter *l, struct scope *s,
		    const struct instruction *in);

/* Do the comments above describe what `in` defines as `name`? */
void lint_description(struct linter *l, const struct instruction *in,
		      const char *name);

/* Has the base image a version in its name? For an opened stage. */
void lint_pinned(struct linter *l, const struct lint_stage *stage);

/* Rules about what is in the image in the end; all stages are visited. */
void lint_result(struct linter *l);

/* Does the value of the variable `name` look like a secret? */
void lint_value(struct linter *l, const struct instruction *in,
		const char *name, const char *value);

/* Was a JSON array meant and not written? */
void lint_json_form(struct linter *l, const struct instruction *in);

/* Could the text be the name of an image? */
bool lint_image_name_is_valid(const char *name);

#endif
