#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/descriptors.h"
#include "builder/sandbox/network_keeper.h"
#include "builder/sandbox/spawner_internal.h"
#include "builder/sandbox/wire.h"
#include "store/base/io.h"

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
static _Noreturn void be_container(const struct engine *engine,
				   struct arrived *a,
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
		container_main(engine, description, len, &fds);
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

int spawner_start_container(const struct engine *engine, struct arrived *a,
			    struct running *ret, struct error *err)
{
	AUTO(cgroup_free) struct cgroup *cgroup = NULL;
	uint64_t flags = a->request.clone_flags;
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
	if (make_cgroup(a, &cgroup, err) < 0)
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
		be_container(engine, a, cgroup, writes);
	*ret = (struct running){
		.pid = pid,
		.pidfd = pidfd,
		.reply = steal_fd(&a->fds[SPAWNER_FD_REPLY]),
		.status = steal_fd(&reads),
		.cgroup = steal_pointer(&cgroup),
	};
	return 0;
}

int spawner_start_keeper(struct arrived *a, struct error *err)
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
