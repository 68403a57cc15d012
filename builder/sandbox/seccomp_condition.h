/* "includes" and "excludes" of a rule in docker's seccomp format. */
#ifndef BUILDER_SANDBOX_SECCOMP_CONDITION_H
#define BUILDER_SANDBOX_SECCOMP_CONDITION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/base/error.h"

/*
 * Is `key` of `object` a list of `type`? It may be missing, or null as Go
 * writes an empty one. Anything else would be read as empty, and what it was
 * to deny allowed: ERROR_USAGE.
 */
int seccomp_check_list(json_t *object, const char *key, json_type type,
		       struct error *err);

/*
 * Does `rule` apply to a process with capabilities `caps` on this machine?
 * -1 with ERROR_USAGE when its conditions cannot be read.
 */
int seccomp_condition_holds(json_t *rule, uint64_t caps, bool *ret,
			    struct error *err);

#endif
