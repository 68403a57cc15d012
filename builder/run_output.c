#include "builder/run_output.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "store/base/wake.h"

#define READ_SIZE ((size_t)64 << 10)

struct run_output {
	struct progress *progress;
	unsigned step;
	struct cancel *from;
	struct cancel *to;
	int read_fd;
	int write_fd;
	int end_fd; /* readable when all who write have ended */
	pthread_t thread;
	char data[READ_SIZE];
};

/* Pass on one piece, at most `max` bytes; what read() said. */
static ssize_t pass_on(struct run_output *o, size_t max)
{
	ssize_t n = read(o->read_fd, o->data,
			 max < sizeof(o->data) ? max : sizeof(o->data));

	if (n > 0)
		progress_output(o->progress, o->step, o->data, (size_t)n);
	return n;
}

/*
 * What is in the pipe at the end. Its own end may never come: a program may
 * have handed the descriptor to one outside of the container.
 */
static void pass_on_rest(struct run_output *o)
{
	int left = 0;

	if (ioctl(o->read_fd, FIONREAD, &left) < 0)
		return;
	while (left > 0) {
		ssize_t n = pass_on(o, (size_t)left);

		if (n <= 0)
			return;
		left -= (int)n;
	}
}

static void *reader(void *arg)
{
	struct run_output *o = arg;
	struct pollfd fds[] = {
		{ .fd = o->read_fd, .events = POLLIN },
		{ .fd = o->from ? cancel_fd(o->from) : -1, .events = POLLIN },
		{ .fd = o->end_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, ARRAY_LEN(fds), -1) < 0)
			continue;
		if (fds[1].revents) {
			struct error why = ERROR_INIT;

			if (cancel_check(o->from, &why) < 0)
				cancel_trigger(o->to, why.sys);
			fds[1].fd = -1;
		}
		if (fds[2].revents) {
			pass_on_rest(o);
			return NULL;
		}
		if (fds[0].revents)
			pass_on(o, sizeof(o->data));
	}
}

static void discard(struct run_output *o)
{
	if (!o)
		return;
	if (o->read_fd >= 0) {
		close(o->read_fd);
		close(o->write_fd);
	}
	if (o->end_fd >= 0)
		close(o->end_fd);
	free(o);
}
DEFINE_CLEANUP(struct run_output *, discard);

static int open_ends(struct run_output *o, struct error *err)
{
	int fds[2];

	o->read_fd = o->write_fd = -1;
	o->end_fd = wake_open(err);
	if (o->end_fd < 0)
		return -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	o->read_fd = fds[0];
	o->write_fd = fds[1];
	return 0;
}

int run_output_start(struct progress *p, unsigned step, struct cancel *from,
		     struct cancel *to, struct run_output **ret,
		     struct error *err)
{
	AUTO(discard) struct run_output *o = malloc(sizeof(*o));
	int failed;

	if (!o)
		return error_nomem(err, "the output of a step");
	o->progress = p;
	o->step = step;
	o->from = from;
	o->to = to;
	if (open_ends(o, err) < 0)
		return -1;
	failed = pthread_create(&o->thread, NULL, reader, o);
	if (failed)
		return error_sys(err, failed, "cannot start a thread");
	*ret = steal_pointer(&o);
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
	wake_tell(o->end_fd);
	pthread_join(o->thread, NULL);
	discard(o);
}
