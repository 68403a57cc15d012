/*
 * The user's terminal, lent to a program behind a pty: keys go in, output
 * comes out, the size follows. However this ends, the terminal is as it was.
 */
#ifndef BUILDER_TERMINAL_H
#define BUILDER_TERMINAL_H

#include "store/base/cleanup.h"
#include "store/base/error.h"

struct terminal;

/*
 * Is there a terminal that can be lent: of this process, which is in its
 * foreground? ERROR_REFUSED with the reason.
 */
int terminal_check(struct error *err);

/*
 * Lend it to the pty whose master comes over the unix socket
 * terminal_socket() (see pass_fd_send()), in a thread. The terminal is raw
 * until terminal_free(); a process of its own sees to that even when this one
 * is killed.
 */
int terminal_lend(struct terminal **ret, struct error *err);
int terminal_socket(const struct terminal *t);

/* Show what is still to come from the pty, and put the terminal back. */
void terminal_free(struct terminal *t);
DEFINE_CLEANUP(struct terminal *, terminal_free);

#endif
