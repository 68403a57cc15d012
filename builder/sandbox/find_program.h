/* Programs of this machine that containers are made with. */
#ifndef BUILDER_SANDBOX_FIND_PROGRAM_H
#define BUILDER_SANDBOX_FIND_PROGRAM_H

#include <stdbool.h>

#include "store/base/error.h"

/* Is it a file that may be executed? */
bool is_program(const char *path);

/*
 * The absolute path of `name` in PATH, where relative directories do not
 * count; the caller frees. Returns 1 when found, 0 when not.
 */
int find_program(const char *name, char **ret, struct error *err);

#endif
