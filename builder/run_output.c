#include "builder/run_output.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#define READ_SIZE ((size_t)64 << 10)

struct run_output {
	struct progress *progress;
	unsigned step;
	struct cancel *from;
	struct cancel *to;
	int read_fd;
	int write_fd;
	pthread_t thread;
	char data[READ_SIZE];
};

/* Pass on one piece; false at the end. */
static bool pass_on(struct run_output *o)
{
	ssize_t n = read(o->read_fd, o->data, sizeof(o->data));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0)
		progress_output(o->progress, o->step, o->data, (size_t)n);
	return n > 0;
}

static void *reader(void *arg)
{
	struct run_output *o = arg;
	struct pollfd fds[] = {
		{ .fd = o->read_fd, .events = POLLIN },
		{ .fd = o->from ? cancel_fd(o->from) : -1, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents) {
			struct error why = ERROR_INIT;

			if (cancel_check(o->from, &why) < 0)
				cancel_trigger(o->to, why.sys);
			fds[1].fd = -1;
		}
		if (fds[0].revents && !pass_on(o))
			return NULL;
	}
}

int run_output_start(struct progress *p, unsigned step, struct cancel *from,
		     struct cancel *to, struct run_output **ret,
		     struct error *err)
{
	struct run_output *o = malloc(sizeof(*o));
	int fds[2], failed;

	if (!o)
		return error_nomem(err, "the output of a step");
	if (pipe2(fds, O_CLOEXEC) < 0) {
		free(o);
		return error_sys(err, errno, "cannot make a pipe");
	}
	o->progress = p;
	o->step = step;
	o->from = from;
	o->to = to;
	o->read_fd = fds[0];
	o->write_fd = fds[1];
	failed = pthread_create(&o->thread, NULL, reader, o);
	if (failed) {
		close(fds[0]);
		close(fds[1]);
		free(o);
		return error_sys(err, failed, "cannot start a thread");
	}
	*ret = o;
	return 0;
}

int run_output_fd(const struct run_output *o)
{
	return o->write_fd;
}

void run_output_end(struct run_output *o)
{
	if (!o)
		return;
	close(o->write_fd);
	pthread_join(o->thread, NULL);
	close(o->read_fd);
	free(o);
}
