#include "builder/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "builder/sandbox/pass_fd.h"
#include "store/base/io.h"

/* How often a new size is looked for. SIGWINCH would be the whole program's. */
#define SIZE_MS	   200
#define PIECE_SIZE 4096

struct terminal {
	int tty;
	int ours;   /* the master comes here */
	int theirs; /* and is sent there */
	int keeper; /* the pipe's end on which the keeper waits */
	pid_t keeper_pid;
	pthread_t thread;
	bool is_running;
};

static int open_tty(struct error *err)
{
	autoclose int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios ignored;

	if (fd < 0 || tcgetattr(fd, &ignored) < 0)
		return error_set(err, ERROR_REFUSED, "there is no terminal");
	if (tcgetpgrp(fd) != getpgrp())
		return error_set(err, ERROR_REFUSED,
				 "the terminal is not this command's: it is "
				 "not in the foreground");
	return steal_fd(&fd);
}

int terminal_check(struct error *err)
{
	autoclose int fd = open_tty(err);

	return fd < 0 ? -1 : 0;
}

/*
 * The keeper: waits until the pipe's other end closes, by our will or our
 * death, and puts the terminal back. Out of our session, so that it may, and
 * that no key reaches it.
 */
static _Noreturn void keep(int pipe, int tty, const struct termios *was)
{
	char byte;

	setsid();
	while (read(pipe, &byte, 1) < 0 && errno == EINTR)
		;
	tcsetattr(tty, TCSADRAIN, was);
	_exit(0);
}

static int start_keeper(struct terminal *t, const struct termios *was,
			struct error *err)
{
	sigset_t all, before;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	t->keeper_pid = fork();
	if (t->keeper_pid == 0) {
		/* Whatever else is open is not to stay open because of it. */
		dup2(pair[0], 0);
		dup2(t->tty, 1);
		close_range(2, ~0U, 0);
		keep(0, 1, was);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(pair[0]);
	t->keeper = pair[1];
	return t->keeper_pid < 0
		       ? error_sys(err, errno, "cannot start a process")
		       : 0;
}

static int make_raw(struct terminal *t, struct error *err)
{
	struct termios was, raw;

	if (tcgetattr(t->tty, &was) < 0)
		return error_sys(err, errno, "cannot ask the terminal");
	raw = was;
	cfmakeraw(&raw);
	if (start_keeper(t, &was, err) < 0)
		return -1;
	if (tcsetattr(t->tty, TCSADRAIN, &raw) < 0)
		return error_sys(err, errno, "cannot set the terminal");
	return 0;
}

static void follow_size(int tty, int master, struct winsize *last)
{
	struct winsize now;

	if (ioctl(tty, TIOCGWINSZ, &now) < 0 ||
	    (now.ws_row == last->ws_row && now.ws_col == last->ws_col))
		return;
	ioctl(master, TIOCSWINSZ, &now);
	*last = now;
}

/* One piece; false at the end, which for a pty is an error. */
static bool move(int from, int to)
{
	struct error ignored = ERROR_INIT;
	char data[PIECE_SIZE];
	ssize_t n = read(from, data, sizeof(data));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	return n > 0 &&
	       io_write(to, data, (size_t)n, "a terminal", &ignored) == 0;
}

static void exchange(int tty, int master)
{
	struct winsize size = { 0 };
	struct pollfd polled[] = {
		{ .fd = master, .events = POLLIN },
		{ .fd = tty, .events = POLLIN },
	};

	for (;;) {
		follow_size(tty, master, &size);
		if (poll(polled, ARRAY_LEN(polled), SIZE_MS) < 0 &&
		    errno != EINTR)
			return;
		if (polled[0].revents && !move(master, tty))
			return;
		/* A terminal that hangs up has no more keys. */
		if (polled[1].revents && !move(tty, master))
			polled[1].fd = -1;
	}
}

static void *serve(void *arg)
{
	struct terminal *t = arg;
	struct error ignored = ERROR_INIT;
	autoclose int master = pass_fd_receive(t->ours, &ignored);

	if (master >= 0)
		exchange(t->tty, master);
	return NULL;
}

int terminal_lend(struct terminal **ret, struct error *err)
{
	AUTO(terminal_free) struct terminal *t = calloc(1, sizeof(*t));
	int pair[2], failed;

	if (!t)
		return error_nomem(err, "a terminal");
	t->ours = t->theirs = t->keeper = -1;
	t->tty = open_tty(err);
	if (t->tty < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "cannot make a socket");
	t->ours = pair[0];
	t->theirs = pair[1];
	if (make_raw(t, err) < 0)
		return -1;
	failed = pthread_create(&t->thread, NULL, serve, t);
	if (failed)
		return error_sys(err, failed, "cannot start a thread");
	t->is_running = true;
	*ret = steal_pointer(&t);
	return 0;
}

int terminal_socket(const struct terminal *t)
{
	return t->theirs;
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	/* Where no terminal came, that is its end. */
	if (t->theirs >= 0)
		close(t->theirs);
	if (t->is_running)
		pthread_join(t->thread, NULL);
	if (t->keeper >= 0)
		close(t->keeper);
	if (t->keeper_pid > 0)
		while (waitpid(t->keeper_pid, NULL, 0) < 0 && errno == EINTR)
			;
	if (t->ours >= 0)
		close(t->ours);
	if (t->tty >= 0)
		close(t->tty);
	free(t);
}
