/* Steps that a command shows for what it does itself. */
#ifndef BUILDER_CLI_SESSION_STEP_H
#define BUILDER_CLI_SESSION_STEP_H

#include "builder/cli/session.h"

/* Announce and start "WHAT PLACE"; `place` may be NULL. */
unsigned session_step_begin(struct session *s, const char *what,
			    const char *place);

/*
 * End it with `line` (may be NULL) under it when `rc` is 0, else with what
 * `err` says.
 */
void session_step_end(struct session *s, unsigned step, int rc,
		      const struct error *err, const char *line);

/*
 * End the step `s->transfer_step`, unless `rc` is 0 with `err`, which is told
 * when the command ends. Returns `rc`.
 */
int session_transfer_end(struct session *s, int rc, const struct error *err);

/* Tell of a failure that is done without. */
void session_warn(struct session *s, const struct error *err);

/* Can it be, or does it end everything? */
bool session_can_do_without(const struct error *err);

#endif
