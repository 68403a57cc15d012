/*
 * Cancellation of a build: one token, set by a signal or a timeout, watched by
 * everything that waits.
 */
#ifndef STORE_BASE_CANCEL_H
#define STORE_BASE_CANCEL_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

struct cancel;

int cancel_new(struct cancel **ret, struct error *err);
void cancel_free(struct cancel *c);
DEFINE_CLEANUP(struct cancel *, cancel_free);

/*
 * Ask everything to stop; async-signal-safe. `signal` becomes err->sys;
 * SIGALRM stands for a time that is over.
 */
void cancel_trigger(struct cancel *c, int signal);

/* A descriptor that polls readable once triggered; borrowed. */
int cancel_fd(const struct cancel *c);

/* -1 with ERROR_CANCELED when triggered. NULL is never triggered. */
int cancel_check(const struct cancel *c, struct error *err);

#endif
