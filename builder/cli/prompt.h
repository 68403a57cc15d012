/* Asking the user on the terminal. */
#ifndef BUILDER_CLI_PROMPT_H
#define BUILDER_CLI_PROMPT_H

#include <stdbool.h>

#include "store/base/cancel.h"
#include "store/base/error.h"

/*
 * Show `question` on the terminal and read a line, not shown when `hidden`.
 * The caller frees it. ERROR_USAGE without a terminal; ERROR_CANCELED when
 * `cancel` triggers, the terminal as it was.
 */
char *prompt_line(const char *question, bool hidden,
		  const struct cancel *cancel, struct error *err);

#endif
