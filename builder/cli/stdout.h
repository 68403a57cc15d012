/*
 * What failed on standard output. A reader that leaves early, as `head` does,
 * is no error of ours: the command ends quietly, as if SIGPIPE had ended it.
 */
#ifndef BUILDER_CLI_STDOUT_H
#define BUILDER_CLI_STDOUT_H

#include "store/base/error.h"

/*
 * Turn the broken pipe of a function that wrote to STDOUT_FILENO into
 * ERROR_CANCELED by SIGPIPE, other errors stay. Returns `rc`, its result.
 */
int stdout_written(int rc, struct error *err);

/*
 * Write out what stdio holds. -1: something of what was printed since the last
 * call is lost, ERROR_SYSTEM, or ERROR_CANCELED by SIGPIPE.
 */
int stdout_flush(struct error *err);

/* Is `err` ERROR_CANCELED by SIGPIPE? */
bool stdout_was_left(const struct error *err);

#endif
