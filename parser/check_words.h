/* Which texts of an instruction are expanded, and whether they can be. */
#ifndef PARSER_CHECK_WORDS_H
#define PARSER_CHECK_WORDS_H

#include "parser/dockerfile.h"
#include "parser/expand.h"

/* The value of `flag` when it is one that is expanded, else NULL. */
const char *flag_expanded_value(const struct instruction *in, const char *flag);

/* Is argument `i` expanded by the builder? */
bool arg_is_expanded(const struct instruction *in, size_t i);

/*
 * Judge quotes and substitutions of every text that will be expanded, as far
 * as no variable's value decides. ERROR_DOCKERFILE, or ERROR_NOMEM.
 */
int words_check(const struct instruction *in, char escape, struct error *err);

#endif
