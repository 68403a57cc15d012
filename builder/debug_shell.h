/*
 * --on-error=shell: a shell in the container of the RUN that failed, with the
 * same environment, user, working directory, mounts and the root as the
 * command left it.
 */
#ifndef BUILDER_DEBUG_SHELL_H
#define BUILDER_DEBUG_SHELL_H

#include "builder/sandbox/sandbox.h"
#include "builder/ui/progress.h"

struct debug_shell;

/* ERROR_REFUSED when there is no terminal to open it on. */
int debug_shell_new(struct debug_shell **ret, struct error *err);
void debug_shell_free(struct debug_shell *d);
DEFINE_CLEANUP(struct debug_shell *, debug_shell_free);

/*
 * Open it on the terminal until it ends; a build has one, the first that
 * asks. `failed` is the description of the container, with directories that
 * are new but for `upper`; `why` its error. Whatever happens is told on the
 * terminal. The progress rests meanwhile.
 */
void debug_shell_open(struct debug_shell *d, const struct sandbox *failed,
		      const struct error *why, struct spawner *spawner,
		      struct progress *progress, struct cancel *cancel);

#endif
