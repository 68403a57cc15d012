/*
 * The spawner: one thread that starts containers and waits for their ends.
 * All it allocates are small records; the work is done in the containers'
 * first processes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/network_keeper.h"
#include "builder/sandbox/pass_fd.h"
#include "builder/sandbox/seccomp.h"
#include "builder/sandbox/spawner_internal.h"

struct loop {
	int socket;
	struct engine engine;
	struct error engine_error; /* why no container can be started */
	struct running *running;
	size_t n;
	size_t capacity;
	struct pollfd *polled; /* the socket, then two per container */
};

static void arrived_close(struct arrived *a)
{
	while (a->n)
		close(a->fds[--a->n]);
}
DEFINE_RELEASE(struct arrived, arrived_close);

static int receive(const struct loop *loop, struct arrived *a)
{
	ssize_t r =
		pass_fds_receive(loop->socket, &a->request, sizeof(a->request),
				 a->fds, ARRAY_LEN(a->fds), &a->n);

	return r == 0 ? -1 : 0;
}

static void reply_error(int fd, const struct error *err)
{
	const struct spawner_reply reply = { .has_failed = true, .err = *err };

	send(fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int make_room(struct loop *loop, struct error *err)
{
	size_t capacity = loop->capacity ? 2 * loop->capacity : 8;
	struct running *running;
	struct pollfd *polled;

	if (loop->n < loop->capacity)
		return 0;
	running = reallocarray(loop->running, capacity, sizeof(*running));
	if (!running)
		return error_nomem(err, "a container");
	loop->running = running;
	polled = reallocarray(loop->polled, 1 + 2 * capacity, sizeof(*polled));
	if (!polled)
		return error_nomem(err, "a container");
	loop->polled = polled;
	loop->capacity = capacity;
	return 0;
}

static void reap_keepers(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WCLONE) > 0)
		;
}

static int start(struct loop *loop, struct arrived *a, struct error *err)
{
	if (make_room(loop, err) < 0 ||
	    spawner_start_container(&loop->engine, a, &loop->running[loop->n],
				    err) < 0)
		return -1;
	loop->n++;
	return 0;
}

static void serve(struct loop *loop, struct arrived *a)
{
	struct error err = ERROR_INIT;
	bool wants_network = a->request.wants_network;

	if (loop->engine_error.kind != ERROR_NONE)
		err = loop->engine_error;
	else if ((wants_network ? spawner_start_keeper(a, &err)
				: start(loop, a, &err)) == 0)
		return;
	if (a->n <= SPAWNER_FD_REPLY)
		return;
	if (wants_network)
		network_keeper_refuse(a->fds[SPAWNER_FD_REPLY], &err);
	else
		reply_error(a->fds[SPAWNER_FD_REPLY], &err);
}

static void fill_result(struct sandbox_result *result, int wait_status,
			const struct rusage *usage)
{
	result->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	result->exit_code = result->signal ? 128 + result->signal
					   : WEXITSTATUS(wait_status);
	/* Of the largest process, in KiB. */
	result->peak_memory_bytes = (uint64_t)usage->ru_maxrss * 1024;
	result->cpu_time_us =
		(uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
			1000000 +
		(uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* It has ended: tell the builder. */
static void finish(struct running *r)
{
	struct container_report report = { 0 };
	struct spawner_reply reply = { 0 };
	struct rusage usage = { 0 };
	bool is_silent;
	int status = 0;

	while (wait4(r->pid, &status, __WALL, &usage) < 0 && errno == EINTR)
		;
	is_silent = read(r->status, &report, sizeof(report)) !=
		    (ssize_t)sizeof(report);
	if (is_silent) {
		report.has_failed = true;
		error_set(&report.err, ERROR_SYSTEM,
			  "the container's first process ended without a word "
			  "(signal %d); was memory short?",
			  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	fill_result(&reply.result, is_silent ? status : report.wait_status,
		    &usage);
	if (r->cgroup)
		cgroup_usage(r->cgroup, &reply.result);
	/* Init may be the one that was killed; the step's end is the same. */
	if (is_silent && reply.result.out_of_memory)
		report.has_failed = false;
	reply.has_failed = report.has_failed;
	reply.err = report.err;
	/* Before the reply: after it nothing is to be left. */
	cgroup_free(r->cgroup);
	send(r->reply, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(r->reply);
	close(r->status);
	if (r->pidfd >= 0)
		close(r->pidfd);
}

static void kill_running(struct running *r)
{
	/* Not reaped yet, so the number is still its own. */
	if (!r->is_killed)
		kill(r->pid, SIGKILL);
	r->is_killed = true;
}

/* Without a pidfd, the end of the pipe is the end of its writers. */
static void prepare_poll(struct loop *loop)
{
	loop->polled[0] =
		(struct pollfd){ .fd = loop->socket, .events = POLLIN };
	for (size_t i = 0; i < loop->n; i++) {
		const struct running *r = &loop->running[i];
		struct pollfd *p = &loop->polled[1 + 2 * i];

		p[0] = (struct pollfd){
			.fd = r->pidfd >= 0 ? r->pidfd : r->status,
			.events = r->pidfd >= 0 ? POLLIN : 0,
		};
		p[1] = (struct pollfd){ .fd = r->is_killed ? -1 : r->reply,
					.events = POLLIN };
	}
}

/* From the end, so that the last can take the place of one that ended. */
static void look_after_running(struct loop *loop)
{
	for (size_t i = loop->n; i > 0; i--) {
		struct running *r = &loop->running[i - 1];
		const struct pollfd *p = &loop->polled[1 + 2 * (i - 1)];

		if (p[1].revents)
			kill_running(r);
		if (!p[0].revents)
			continue;
		finish(r);
		*r = loop->running[--loop->n];
	}
}

static void end_all(struct loop *loop)
{
	for (size_t i = 0; i < loop->n; i++)
		kill_running(&loop->running[i]);
	while (loop->n)
		finish(&loop->running[--loop->n]);
}

int spawner_loop(int socket)
{
	struct loop loop = { .socket = socket };

	if (make_room(&loop, &loop.engine_error) < 0)
		return 1;
	spawner_find_engine(&loop.engine, &loop.engine_error);
	loop.socket = spawner_settle(socket, &loop.engine_error);
	cgroup_sweep(NULL);
	for (;;) {
		AUTO(arrived_close) struct arrived a = { 0 };

		prepare_poll(&loop);
		if (poll(loop.polled, 1 + 2 * loop.n, -1) < 0)
			continue;
		look_after_running(&loop);
		reap_keepers();
		if (!loop.polled[0].revents)
			continue;
		if (receive(&loop, &a) < 0)
			break;
		serve(&loop, &a);
	}
	end_all(&loop);
	seccomp_cache_free(loop.engine.seccomp);
	free(loop.running);
	free(loop.polled);
	return 0;
}
