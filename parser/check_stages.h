/* Stages, their names and who refers to whom, as far as the text tells. */
#ifndef PARSER_CHECK_STAGES_H
#define PARSER_CHECK_STAGES_H

#include "parser/dockerfile.h"

/* Lower-cased [a-z][a-z0-9-_.]* */
bool stage_name_is_valid(const char *name);

struct stages;

/* Collect the stages of a file; ERROR_NOMEM. `df` is borrowed. */
int stages_new(const struct dockerfile *df, struct stages **ret,
	       struct error *err);
void stages_free(struct stages *s);
DEFINE_CLEANUP(struct stages *, stages_free);

size_t stages_count(const struct stages *s);

/*
 * Visit the next instruction of the file, which is valid in itself: is it
 * inside a stage where it must be, and do its references lead to earlier
 * stages? ERROR_DOCKERFILE, or ERROR_NOMEM.
 */
int stages_check(struct stages *s, const struct instruction *in, char escape,
		 struct error *err);

#endif
