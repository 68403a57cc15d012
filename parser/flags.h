/* The flags of each instruction. instruction_flag() is in dockerfile.h. */
#ifndef PARSER_FLAGS_H
#define PARSER_FLAGS_H

#include "parser/dockerfile.h"

/*
 * Judge names, repetition and the presence of values; a flag's value only
 * where it is a boolean. ERROR_DOCKERFILE.
 */
int flags_check(const struct instruction *in, struct error *err);

/*
 * The value behind '=' when `flag` is "--name=value", "" when it is "--name",
 * NULL for another flag.
 */
const char *flag_value(const char *flag, const char *name);

#endif
