/* Messages with descriptors over unix sockets. */
#ifndef BUILDER_SANDBOX_PASS_FD_H
#define BUILDER_SANDBOX_PASS_FD_H

#include <sys/types.h>

#include "store/base/error.h"

/* As many as the kernel passes in one message. */
#define PASS_FDS_MAX 253

/*
 * Send `len` bytes with `n` descriptors, which stay the caller's. `flags` are
 * those of sendmsg(); there is no SIGPIPE. 0, or -1 and errno.
 */
int pass_fds_send(int socket, const void *data, size_t len, const int *fds,
		  size_t n, int flags);

/*
 * Receive up to `len` bytes and, into `fds`, up to `room` descriptors,
 * close-on-exec; `*n` is how many came, more are closed. Returns the bytes, 0
 * at the end, or -1 and errno.
 */
ssize_t pass_fds_receive(int socket, void *data, size_t len, int *fds,
			 size_t room, size_t *n);

/* One descriptor. */
int pass_fd_send(int socket, int fd, struct error *err);

/* The next one, close-on-exec; -1 when the other end has closed. */
int pass_fd_receive(int socket, struct error *err);

#endif
