/* What works on this machine, tried and not assumed; for `shale info`. */
#ifndef BUILDER_SANDBOX_PROBE_H
#define BUILDER_SANDBOX_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "builder/sandbox/userns.h"

#define PROBE_MAX 12

struct probe_finding {
	const char *what; /* "engine namespaces", "private network", ... */
	bool works;
	char text[512]; /* what was found, or the reason and the remedy */
};

/*
 * Fill `ret` and return how many findings there are. `dir` is a directory of
 * the store's file system, where a container is tried; nothing is left in it.
 * `kind` and `why` are userns_enter()'s results. Call while single-threaded.
 */
size_t probe_all(const char *dir, enum userns_kind kind, const char *why,
		 struct probe_finding ret[PROBE_MAX]);

/* When userns_enter() failed, with `why`. */
size_t probe_without_namespace(const struct error *why,
			       struct probe_finding ret[PROBE_MAX]);

#endif
