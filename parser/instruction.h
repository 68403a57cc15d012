/* One instruction: its kinds, and from a joined line to a tree node. */
#ifndef PARSER_INSTRUCTION_H
#define PARSER_INSTRUCTION_H

#include "parser/dockerfile.h"
#include "parser/heredoc.h"

/*
 * Parse one joined line into the zeroed `*in`. Where heredocs are allowed,
 * the markers found move to in->heredocs (of the trigger for ONBUILD), their
 * bodies still missing. On failure (ERROR_DOCKERFILE without lines, or
 * ERROR_NOMEM) what was filled in remains for instruction_release().
 */
int instruction_parse(struct instruction *in, const char *line, size_t len,
		      char escape, struct error *err);

void instruction_release(struct instruction *in);

#endif
