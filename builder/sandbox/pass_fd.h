/* One descriptor over a unix socket. */
#ifndef BUILDER_SANDBOX_PASS_FD_H
#define BUILDER_SANDBOX_PASS_FD_H

#include "store/base/error.h"

/* `fd` stays the caller's. */
int pass_fd_send(int socket, int fd, struct error *err);

/* The next one, close-on-exec; -1 when the other end has closed. */
int pass_fd_receive(int socket, struct error *err);

#endif
