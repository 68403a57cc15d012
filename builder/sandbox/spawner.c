/* The builder's side of the spawner. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/pass_fd.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/spawner_wire.h"
#include "builder/sandbox/wire.h"
#include "store/base/io.h"

struct spawner {
	pid_t pid;
	int socket; /* requests; its end of file is the spawner's end */
	bool legacy_mounts;
};

static _Noreturn void be_spawner(int socket, pid_t builder)
{
	/* The socket tells as well, but not while a container is set up. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != builder)
		_exit(0);
	_exit(spawner_loop(socket));
}

int spawner_start(struct spawner **ret, struct error *err)
{
	autofree struct spawner *s = calloc(1, sizeof(*s));
	pid_t builder = getpid();
	int pair[2];

	if (!s)
		return error_nomem(err, "the spawner");
	s->legacy_mounts = !mount_api_works();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "cannot make a socket");
	s->socket = pair[0];
	s->pid = fork();
	if (s->pid == 0) {
		close(pair[0]);
		be_spawner(pair[1], builder);
	}
	close(pair[1]);
	if (s->pid < 0) {
		close(pair[0]);
		return error_sys(err, errno, "cannot start the spawner");
	}
	*ret = steal_pointer(&s);
	return 0;
}

void spawner_stop(struct spawner *s)
{
	if (!s)
		return;
	/* Threads in spawner_run() may share the descriptor: end it for all. */
	shutdown(s->socket, SHUT_RDWR);
	close(s->socket);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(s);
}

/* What travels beside the request. Detached mounts end when closed. */
struct cargo {
	int fds[SPAWNER_FDS_MAX];
	size_t n_owned; /* from SPAWNER_FD_SOURCES on */
};

static void cargo_close(struct cargo *cargo)
{
	while (cargo->n_owned)
		close(cargo->fds[SPAWNER_FD_SOURCES + --cargo->n_owned]);
}
DEFINE_RELEASE(struct cargo, cargo_close);

/*
 * A source can be bound from our own mount namespace only, so the copy is
 * made here and attached there: from the descriptor that is held, whatever
 * happens to its path meanwhile.
 */
static int add_sources(const struct spawner *s, const struct sandbox *sb,
		       struct cargo *cargo, struct error *err)
{
	for (size_t i = 0; i < sb->n_mounts; i++) {
		const struct sandbox_mount *m = &sb->mounts[i];
		bool is_held =
			s->legacy_mounts || m->kind == SANDBOX_MOUNT_FILE;
		int fd;

		if (m->kind == SANDBOX_MOUNT_TMPFS)
			continue;
		if (cargo->n_owned == SPAWNER_SOURCES_MAX)
			return error_set(err, ERROR_REFUSED,
					 "more than %d mounts in one RUN",
					 SPAWNER_SOURCES_MAX);
		fd = is_held ? fcntl(m->source_fd, F_DUPFD_CLOEXEC, 3)
			     : mount_detached_copy(m->source_fd, "", true, err);
		if (fd < 0 && is_held)
			error_sys(err, errno, "cannot hold a mount's source");
		if (fd < 0)
			return error_wrap(err, "mounting '%s'", m->target);
		cargo->fds[SPAWNER_FD_SOURCES + cargo->n_owned++] = fd;
	}
	return 0;
}

static int add_network(const struct sandbox *sb, struct cargo *cargo,
		       struct error *err)
{
	int fd;

	if (!sandbox_network_is_pooled(sb->network))
		return 0;
	fd = fcntl(sb->network_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_sys(err, errno, "cannot hold a network");
	cargo->fds[SPAWNER_FD_SOURCES + cargo->n_owned++] = fd;
	return 0;
}

static int describe(const struct sandbox *sb, size_t *len, struct error *err)
{
	AUTO(buf_release) struct buf buf = BUF_INIT;
	autoclose int fd = memfd_create("container", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno,
				 "cannot describe a container in memory "
				 "(memfd_create)");
	if (wire_encode(sb, &buf, err) < 0 ||
	    io_write(fd, buf.data, buf.len, "a container's description", err) <
		    0)
		return -1;
	*len = buf.len;
	return steal_fd(&fd);
}

int spawner_send(const struct spawner *s, const struct spawner_request *request,
		 const int *fds, size_t n, struct error *err)
{
	if (pass_fds_send(s->socket, request, sizeof(*request), fds, n, 0) < 0)
		return error_sys(err, errno, "cannot reach the spawner");
	return 0;
}

/* What is left until `end`, for poll(). */
static int ms_left(const struct timespec *end)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (end->tv_sec - now.tv_sec) * INT64_C(1000) +
	       (end->tv_nsec - now.tv_nsec) / 1000000 + 1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static struct timespec time_after(int64_t ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000;
	return end;
}

/*
 * Until there is a reply. A run that is cancelled, or whose time is over, is
 * told to the spawner by shutting our side; it still replies, once every
 * process is gone.
 */
static int wait_for_reply(int fd, struct cancel *cancel, int64_t timeout_ms,
			  bool *is_over, struct error *err)
{
	const struct timespec end = time_after(timeout_ms);
	struct pollfd polled[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = cancel ? cancel_fd(cancel) : -1, .events = POLLIN },
	};

	for (;;) {
		bool waits = timeout_ms && !*is_over;
		int n = poll(polled, 2, waits ? ms_left(&end) : -1);

		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot wait");
		if (n > 0 && polled[0].revents)
			return 0;
		if (n == 0 && !ms_left(&end)) {
			*is_over = true;
			shutdown(fd, SHUT_WR);
		}
		if (n <= 0)
			continue;
		if (polled[1].revents) {
			shutdown(fd, SHUT_WR);
			polled[1].fd = -1;
		}
	}
}

static int await_reply(int fd, struct cancel *cancel, int64_t timeout_ms,
		       struct spawner_reply *reply, struct error *err)
{
	bool is_over = false;
	ssize_t r;

	if (wait_for_reply(fd, cancel, timeout_ms, &is_over, err) < 0)
		return -1;
	r = recv(fd, reply, sizeof(*reply), 0);
	if (r != (ssize_t)sizeof(*reply))
		return error_set(err, ERROR_SYSTEM,
				 "the process that runs containers has ended");
	if (!is_over)
		return 0;
	/* Init was killed and had nothing to say. */
	reply->has_failed = false;
	reply->result.timed_out = true;
	return 0;
}

/* What is asked for and cannot be had is an error, never left out. */
static int check(const struct sandbox *sb, struct error *err)
{
	if (!sb->args || !sb->args[0])
		return error_set(err, ERROR_DOCKERFILE, "no command to run");
	for (size_t i = 0; i < sb->n_mounts; i++)
		if (sb->mounts[i].discard && !sb->scratch)
			return error_set(err, ERROR_SYSTEM,
					 "no place for what is written to '%s'",
					 sb->mounts[i].target);
	return 0;
}

/* Ask for the container: where its reply will be, or -1. */
static int request_run(struct spawner *s, const struct sandbox *sb,
		       int output_fd, struct error *err)
{
	AUTO(cargo_close) struct cargo cargo = { 0 };
	autoclose int ours = -1;
	autoclose int theirs = -1;
	autoclose int description = -1;
	struct spawner_request request = { 0 };
	int pair[2];

	if (add_sources(s, sb, &cargo, err) < 0 ||
	    add_network(sb, &cargo, err) < 0)
		return -1;
	description = describe(sb, &request.description_len, err);
	if (description < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "cannot make a socket");
	ours = pair[0];
	theirs = pair[1];
	cargo.fds[SPAWNER_FD_REPLY] = theirs;
	cargo.fds[SPAWNER_FD_DESCRIPTION] = description;
	cargo.fds[SPAWNER_FD_OUTPUT] = output_fd;
	request.clone_flags = container_clone_flags(sb);
	request.n_sources = cargo.n_owned;
	request.has_limits = cgroup_is_needed(&sb->limits);
	if (spawner_send(s, &request, cargo.fds,
			 SPAWNER_FD_SOURCES + cargo.n_owned, err) < 0)
		return -1;
	/* Theirs is closed here, or the spawner's end would not be seen. */
	return steal_fd(&ours);
}

int spawner_run(struct spawner *s, const struct sandbox *sb, int output_fd,
		struct cancel *cancel, struct sandbox_result *ret,
		struct error *err)
{
	autoclose int replies = -1;
	struct spawner_reply reply;

	if (check(sb, err) < 0 || cancel_check(cancel, err) < 0)
		return -1;
	replies = request_run(s, sb, output_fd, err);
	if (replies < 0 ||
	    await_reply(replies, cancel, sb->timeout_ms, &reply, err) < 0 ||
	    cancel_check(cancel, err) < 0)
		return -1;
	if (reply.has_failed) {
		*err = reply.err;
		return -1;
	}
	*ret = reply.result;
	return 0;
}
