/* Process 1 of a container: reaps what is orphaned and passes signals on. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "builder/sandbox/container.h"
#include "store/base/cleanup.h"

/* Signals that ask a process for something and may come from outside. */
static const int forwarded[] = {
	SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1,
	SIGUSR2, SIGALRM, SIGCONT, SIGWINCH,
};

static bool is_forwarded(int sig)
{
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		if (forwarded[i] == sig)
			return true;
	return false;
}

/* Has `program` ended? Its status goes to `*status`. */
static bool reap(pid_t program, int *status)
{
	bool ended = false;
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		*status = st;
		ended = true;
	}
	return ended;
}

int container_init_loop(pid_t program)
{
	int status = 0;
	sigset_t all;

	/* Blocked since before the fork, so that no child is missed. */
	sigfillset(&all);
	while (!reap(program, &status)) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig > 0 && is_forwarded(sig))
			kill(program, sig);
	}
	return status;
}
