/* Run a program of the system and look at what it says. */
#ifndef TESTS_UNIT_STORE_RUN_PROGRAM_H
#define TESTS_UNIT_STORE_RUN_PROGRAM_H

#include "store/base/buf.h"

/*
 * Run argv (NULL-terminated) with `input` as standard input and append its
 * standard output to `output`. Returns its exit status, -1: could not run.
 */
int run_program(const char *const *argv, const struct buf *input,
		struct buf *output);

#endif
