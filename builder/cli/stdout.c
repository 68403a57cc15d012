#include "builder/cli/stdout.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <unistd.h>

static bool has_reader(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, 0) <= 0 || !(out.revents & (POLLERR | POLLHUP));
}

static void leave(struct error *err)
{
	error_set(err, ERROR_CANCELED, "nobody reads standard output any more");
	err->sys = SIGPIPE;
}

int stdout_written(int rc, struct error *err)
{
	/* The pipe to some program or a socket may be what broke. */
	if (rc < 0 && err->sys == EPIPE && !has_reader())
		leave(err);
	return rc;
}

int stdout_flush(struct error *err)
{
	if (fflush(stdout) != 0)
		error_sys(err, errno, "cannot write to standard output");
	else if (ferror(stdout))
		error_set(err, ERROR_SYSTEM, "cannot write to standard output");
	else
		return 0;
	/* What is told once is not met again at the end of the program. */
	__fpurge(stdout);
	clearerr(stdout);
	/* An earlier write may have failed, with an errno that is lost. */
	if (!has_reader())
		leave(err);
	return -1;
}

bool stdout_was_left(const struct error *err)
{
	return err->kind == ERROR_CANCELED && err->sys == SIGPIPE;
}
