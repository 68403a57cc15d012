/*
 * Signals that end a command: the first asks everything to stop and clean
 * up, a second ends the program at once.
 */
#ifndef BUILDER_CLI_SIGNALS_H
#define BUILDER_CLI_SIGNALS_H

#include <stdint.h>

#include "store/base/cancel.h"

struct signals;

/*
 * Block SIGINT, SIGTERM and SIGHUP in this thread and those it starts, and
 * have them trigger `cancel`, as does the end of `timeout_ms` (0: never).
 * SIGPIPE is ignored: a write reports it.
 */
int signals_watch(struct cancel *cancel, int64_t timeout_ms,
		  struct signals **ret, struct error *err);

/* Stop watching; the signals stay blocked. Accepts NULL. */
void signals_free(struct signals *s);
DEFINE_CLEANUP(struct signals *, signals_free);

#endif
