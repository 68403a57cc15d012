/*
 * Shared libraries that are loaded when they are first needed, because they
 * bring many others along: most commands do without, and every mapping of a
 * process is copied for each one it starts.
 */
#ifndef STORE_BASE_LIBRARY_H
#define STORE_BASE_LIBRARY_H

#include <stddef.h>

#include "store/base/error.h"

/*
 * Load `file`, for good, and find its functions `names`. -1 with an error that
 * says what is missing.
 */
int library_load(const char *file, const char *const *names, size_t n,
		 void **functions, struct error *err);

#endif
