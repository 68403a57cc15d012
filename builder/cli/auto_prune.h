/* The store's limit from the configuration, kept after builds. */
#ifndef BUILDER_CLI_AUTO_PRUNE_H
#define BUILDER_CLI_AUTO_PRUNE_H

#include "builder/cli/config_file.h"
#include "builder/cli/session.h"

/*
 * Forget what was used longest ago until the store fits, if there is a limit
 * and it was not checked a moment ago. Ends the session's batch. A failure is
 * told and no more: the build is done.
 */
void auto_prune(struct session *s, const struct config *c);

#endif
