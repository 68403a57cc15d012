/*
 * The spawner: one thread that starts containers and waits for their ends.
 * All it allocates are small records; the work is done in the containers'
 * first processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/container.h"
#include "builder/sandbox/descriptors.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/network_keeper.h"
#include "builder/sandbox/seccomp.h"
#include "builder/sandbox/spawner_wire.h"
#include "builder/sandbox/userns.h"
#include "builder/sandbox/wire.h"
#include "store/base/confined.h"
#include "store/base/idmap.h"
#include "store/base/io.h"

/* A running container. */
struct running {
	pid_t pid;
	int pidfd;  /* readable once it has ended */
	int reply;  /* its end of file is a wish to kill */
	int status; /* read end for its struct container_report */
	bool is_killed;
	struct cgroup *cgroup; /* or NULL */
};

struct loop {
	int socket;
	struct engine engine;
	struct error engine_error; /* why no container can be started */
	struct running *running;
	size_t n;
	size_t capacity;
	struct pollfd *polled; /* the socket, then two per container */
};

/* A request as it arrived; every descriptor is owned. */
struct arrived {
	struct spawner_request request;
	int fds[SPAWNER_FDS_MAX];
	size_t n;
};

static void arrived_close(struct arrived *a)
{
	while (a->n)
		close(a->fds[--a->n]);
}
DEFINE_RELEASE(struct arrived, arrived_close);

/*
 * /proc/PID/environ and cmdline of a container's first process are our own
 * memory: nothing of the builder's environment or arguments may be read
 * there. The kernel tells where they lie (fields 48 to 51 of stat).
 */
static void forget_environment(void)
{
	char text[2048];
	unsigned long from[4] = { 0 };
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *at;

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	at = strrchr(text, ')'); /* ends field 2 */
	for (int field = 2; at && field < 48; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%lu %lu %lu %lu", &from[0], &from[1], &from[2],
			  &from[3]) != 4)
		return;
	clearenv();
	memset((void *)from[0], 0, from[1] - from[0]);
	memset((void *)from[2], 0, from[3] - from[2]);
}

/*
 * By the raw call: libc keeps 32 and 33 to itself, and posix_spawn(), which
 * make uses, leaves them ignored. Zeros are SIG_DFL in the kernel's form.
 */
static void reset_signals(void)
{
	static const unsigned long dfl[8];
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, NSIG / 8);
}

/*
 * Own session: signals of the terminal are the builder's to handle. Not
 * dumpable: programs in containers cannot open /proc/1/exe, which is the
 * builder itself, nor its descriptors.
 */
static void settle(struct loop *loop)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	reset_signals();
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "shale-init");
	forget_environment();
	/* Messages of a crash still go to stderr; the rest is not ours. */
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (dup3(loop->socket, 3, O_CLOEXEC) == 3)
		loop->socket = 3;
	descriptors_close(4, ~0U, &loop->engine_error);
	if (chdir("/") < 0)
		error_sys(&loop->engine_error, errno, "cannot enter /");
}

/*
 * Before the environment goes: it may forbid some system calls, which the
 * first use of confined_open() finds out.
 */
static void find_engine(struct engine *e, struct error *err)
{
	struct error ignored = ERROR_INIT;
	autoclose int probe = confined_open(AT_FDCWD, "/", O_PATH, 0, &ignored);
	struct stat own = { 0 };

	if (stat("/proc/self/exe", &own) < 0)
		error_sys(&ignored, errno, "no /proc");
	e->own_dev = own.st_dev;
	e->own_ino = own.st_ino;
	e->is_initial_userns = userns_is_initial();
	e->legacy_mounts = !mount_api_works();
	e->single_id = idmap_is_single();
	e->permitted = caps_permitted();
	seccomp_cache_new(CAPS_DEFAULT & e->permitted, &e->seccomp, err);
}

static int receive(struct loop *loop, struct arrived *a)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(a->fds))];
	} control;
	struct iovec iov = { &a->request, sizeof(a->request) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t r = recvmsg(loop->socket, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = r > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (r == 0)
		return -1;
	if (c && c->cmsg_type == SCM_RIGHTS) {
		a->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(a->fds, CMSG_DATA(c), a->n * sizeof(int));
	}
	return 0;
}

static void reply_error(int fd, const struct error *err)
{
	const struct spawner_reply reply = { .has_failed = true, .err = *err };

	send(fd, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static _Noreturn void fail_early(int status, const struct container_report *r)
{
	if (write(status, r, sizeof(*r)) < 0)
		_exit(126);
	_exit(125);
}

/* Its namespace shows the group as the root, so it comes after joining. */
static int enter_cgroup(const struct cgroup *cgroup, struct error *err)
{
	if (!cgroup)
		return 0;
	if (cgroup_join(cgroup, err) < 0)
		return -1;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return error_sys(err, errno,
				 "cannot make a control group namespace");
	return 0;
}

/* In the container's first process. */
static _Noreturn void be_container(struct loop *loop, struct arrived *a,
				   const struct cgroup *cgroup, int status)
{
	size_t len = a->request.description_len;
	const struct container_fds fds = {
		.status = status,
		.output = a->fds[SPAWNER_FD_OUTPUT],
		.sources = a->fds + SPAWNER_FD_SOURCES,
		.n_sources = a->n - SPAWNER_FD_SOURCES,
	};
	struct container_report r = { .has_failed = true };
	int keep[ARRAY_LEN(a->fds)];
	void *description;

	if (enter_cgroup(cgroup, &r.err) < 0)
		fail_early(status, &r);
	/* All but the reply's socket, whose end is a message. */
	memcpy(keep, a->fds, a->n * sizeof(*keep));
	keep[SPAWNER_FD_REPLY] = status;
	if (descriptors_close_others(keep, a->n, &r.err) < 0)
		fail_early(status, &r);
	description = mmap(NULL, len, PROT_READ, MAP_PRIVATE,
			   a->fds[SPAWNER_FD_DESCRIPTION], 0);
	if (description != MAP_FAILED) {
		close(a->fds[SPAWNER_FD_DESCRIPTION]);
		container_main(&loop->engine, description, len, &fds);
	}
	error_sys(&r.err, errno, "cannot read a container's description");
	fail_early(status, &r);
}

/*
 * fork() into new namespaces; `*pidfd` is -1 where kernels have none. Filters
 * answer clone3() with EPERM as well as ENOSYS; clone() then says whether it
 * was meant.
 */
static pid_t clone_into(uint64_t flags, int *pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid >= 0 || (errno != ENOSYS && errno != EPERM))
		return pid;
	*pidfd = -1;
	return (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL,
			      pidfd, NULL, NULL);
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

static int cannot_clone(int sys, struct error *err)
{
	error_sys(err, sys, "cannot make namespaces for a container");
	if (sys == EPERM)
		error_wrap(err, "forbidden here: a container around us must "
				"have CAP_SYS_ADMIN (docker: --privileged), or "
				"its seccomp profile allow clone and unshare "
				"with namespaces");
	if (sys == ENOSPC)
		error_wrap(err, "there are as many namespaces as 'sysctl -a "
				"-r ^user.max_' allows");
	return -1;
}

/* NULL in `*ret` when it wants no limits. */
static int make_cgroup(const struct arrived *a, struct cgroup **ret,
		       struct error *err)
{
	AUTO(wire_release) struct wire_sandbox w = { 0 };
	size_t len = a->request.description_len;
	void *data;
	int rc;

	if (!a->request.has_limits)
		return 0;
	data = mmap(NULL, len, PROT_READ, MAP_PRIVATE,
		    a->fds[SPAWNER_FD_DESCRIPTION], 0);
	if (data == MAP_FAILED)
		return error_sys(err, errno, "cannot read limits");
	rc = wire_decode(data, len, &w, err);
	if (rc == 0 && w.sb.limits.cgroup_parent)
		cgroup_sweep(w.sb.limits.cgroup_parent);
	if (rc == 0)
		rc = cgroup_make(&w.sb.limits, ret, err);
	munmap(data, len);
	return rc;
}

static int start(struct loop *loop, struct arrived *a, struct error *err)
{
	AUTO(cgroup_free) struct cgroup *cgroup = NULL;
	uint64_t flags = a->request.clone_flags;
	struct running *r;
	autoclose int reads = -1;
	autoclose int writes = -1;
	int pidfd = -1;
	int pair[2];
	pid_t pid;

	if (a->n < SPAWNER_FD_SOURCES ||
	    a->n - SPAWNER_FD_SOURCES != a->request.n_sources)
		return error_set(err, ERROR_SYSTEM,
				 "descriptors of a container were lost (too "
				 "many open files?)");
	if (make_room(loop, err) < 0 || make_cgroup(a, &cgroup, err) < 0)
		return -1;
	if (cgroup)
		flags &= ~(uint64_t)CLONE_NEWCGROUP;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	reads = pair[0];
	writes = pair[1];
	pid = clone_into(flags, &pidfd);
	if (pid < 0)
		return cannot_clone(errno, err);
	if (pid == 0)
		be_container(loop, a, cgroup, writes);
	r = &loop->running[loop->n++];
	*r = (struct running){
		.pid = pid,
		.pidfd = pidfd,
		.reply = steal_fd(&a->fds[SPAWNER_FD_REPLY]),
		.status = steal_fd(&reads),
		.cgroup = steal_pointer(&cgroup),
	};
	return 0;
}

/*
 * Nothing but the builder waits for a keeper. Its end is told by no signal,
 * which makes it a child that only reap_keepers() sees.
 */
static int start_keeper(struct arrived *a, struct error *err)
{
	pid_t pid;

	if (a->n != SPAWNER_FD_OUTPUT)
		return error_set(err, ERROR_SYSTEM,
				 "descriptors of a network were lost (too many "
				 "open files?)");
	pid = (pid_t)syscall(SYS_clone, network_keeper_clone_flags(), NULL,
			     NULL, NULL, NULL);
	if (pid < 0)
		return error_sys(err, errno,
				 "cannot make namespaces for a network");
	if (pid == 0) {
		int keep[] = { a->fds[SPAWNER_FD_REPLY],
			       a->fds[SPAWNER_FD_DESCRIPTION] };

		if (descriptors_close_others(keep, ARRAY_LEN(keep), err) == 0)
			network_keeper_main(a->fds[SPAWNER_FD_REPLY],
					    a->fds[SPAWNER_FD_DESCRIPTION]);
		network_keeper_refuse(a->fds[SPAWNER_FD_REPLY], err);
		_exit(0);
	}
	return 0;
}

static void reap_keepers(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WCLONE) > 0)
		;
}

static void serve(struct loop *loop, struct arrived *a)
{
	struct error err = ERROR_INIT;
	bool wants_network = a->request.wants_network;

	if (loop->engine_error.kind != ERROR_NONE)
		err = loop->engine_error;
	else if ((wants_network ? start_keeper(a, &err)
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
	find_engine(&loop.engine, &loop.engine_error);
	settle(&loop);
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
