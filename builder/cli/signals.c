#include "builder/cli/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "store/base/wake.h"

struct signals {
	struct cancel *cancel;
	pthread_t thread;
	int signal_fd;
	int stop_fd;
	int timer_fd; /* -1: no limit of time */
};

static void *watch(void *ctx)
{
	struct signals *s = ctx;
	struct pollfd fds[] = { { .fd = s->signal_fd, .events = POLLIN },
				{ .fd = s->stop_fd, .events = POLLIN },
				{ .fd = s->timer_fd, .events = POLLIN } };
	bool asked = false;

	for (;;) {
		struct signalfd_siginfo info;

		if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[2].revents) {
			fds[2].fd = -1;
			cancel_trigger(s->cancel, SIGALRM);
		}
		if (!fds[0].revents ||
		    read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		/* Containers die with the spawner, the spawner with us. */
		if (asked)
			_exit(128 + (int)info.ssi_signo);
		asked = true;
		cancel_trigger(s->cancel, (int)info.ssi_signo);
	}
}

static int block_signals(sigset_t *set, struct error *err)
{
	int rc;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	rc = pthread_sigmask(SIG_BLOCK, set, NULL);
	return rc ? error_sys(err, rc, "cannot block signals") : 0;
}

/* A timer that is readable after `timeout_ms`. */
static int start_timer(int64_t timeout_ms, struct error *err)
{
	const struct itimerspec at = {
		.it_value = { .tv_sec = timeout_ms / 1000,
			      .tv_nsec = timeout_ms % 1000 * 1000000 },
	};
	autoclose int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &at, NULL) < 0)
		return error_sys(err, errno, "cannot set a timer");
	return steal_fd(&fd);
}

int signals_watch(struct cancel *cancel, int64_t timeout_ms,
		  struct signals **ret, struct error *err)
{
	autofree struct signals *s = calloc(1, sizeof(*s));
	autoclose int signal_fd = -1, stop_fd = -1, timer_fd = -1;
	sigset_t set;
	int rc;

	if (!s)
		return error_nomem(err, "watching for signals");
	if (block_signals(&set, err) < 0)
		return -1;
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0)
		return error_sys(err, errno, "cannot watch for signals");
	stop_fd = wake_open(err);
	if (stop_fd < 0)
		return -1;
	if (timeout_ms) {
		timer_fd = start_timer(timeout_ms, err);
		if (timer_fd < 0)
			return -1;
	}
	s->cancel = cancel;
	s->signal_fd = signal_fd;
	s->stop_fd = stop_fd;
	s->timer_fd = timer_fd;
	rc = pthread_create(&s->thread, NULL, watch, s);
	if (rc)
		return error_sys(err, rc, "cannot start a thread");
	steal_fd(&signal_fd);
	steal_fd(&stop_fd);
	steal_fd(&timer_fd);
	*ret = steal_pointer(&s);
	return 0;
}

void signals_free(struct signals *s)
{
	if (!s)
		return;
	wake_tell(s->stop_fd);
	pthread_join(s->thread, NULL);
	close(s->signal_fd);
	close(s->stop_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	free(s);
}
