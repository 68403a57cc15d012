/*
 * Variables in the order of their first mention, found by name in constant
 * time: files with ten thousand ARGs exist, made by programs.
 */
#ifndef BUILDER_VARS_H
#define BUILDER_VARS_H

#include "parser/expand.h"
#include "store/base/map.h"
#include "store/base/strv.h"

/* Zeroed is empty. A failed allocation sticks in list.failed. */
struct vars {
	struct strv list;  /* "NAME=value", or "NAME" for one without a value */
	struct map *index; /* name to position */
};

void vars_release(struct vars *v);

/* Set or replace; a NULL value makes the name known and takes its value. */
void vars_set(struct vars *v, const char *name, const char *value);

/* Set all of a list of such items; of a name given twice the later counts. */
void vars_add_all(struct vars *v, const struct strv *items);

/* The value, which lives until the next vars_set(); NULL: none. */
const char *vars_get(const struct vars *v, const char *name);

/* Is the name known, be it without a value? */
bool vars_has(const struct vars *v, const char *name);

/* 0, or -1 with ERROR_NOMEM. */
int vars_check(const struct vars *v, const char *what, struct error *err);

/* For the expansion of words; `v` is borrowed. */
struct expand_env vars_expand_env(const struct vars *v);

#endif
