#include "builder/sandbox/container.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/wire.h"
#include "store/base/cleanup.h"
#include "store/base/confined.h"

#define PROGRAM_STACK (256U << 10)

uint64_t container_clone_flags(const struct sandbox *sb)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			 CLONE_NEWUTS | CLONE_NEWCGROUP;

	return sb->network == SANDBOX_NETWORK_NONE ? flags | CLONE_NEWNET
						   : flags;
}

/* Send one report; it fits the pipe, so this is one write or none. */
static void report(int fd, const struct container_report *r)
{
	ssize_t ignored = write(fd, r, sizeof(*r));

	(void)ignored;
}

#define FAILED_STATUS 125

static void report_failure(const struct container *c, const struct error *err)
{
	const struct container_report r = { .has_failed = true, .err = *err };

	report(c->fds.status, &r);
}

static _Noreturn void fail(const struct container *c, const struct error *err)
{
	report_failure(c, err);
	_exit(FAILED_STATUS);
}

/*
 * Die with the spawner. If it is dead already, nobody reads the pipe and
 * poll() says so.
 */
static int follow_spawner(struct container *c, struct error *err)
{
	struct pollfd p = { .fd = c->fds.status };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_sys(err, errno, "cannot tie the container to us");
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLERR))
		return error_set(err, ERROR_SYSTEM, "the spawner has died");
	return 0;
}

static int set_hostname(struct container *c, struct error *err)
{
	const char *name = c->sb->hostname;

	if (name && sethostname(name, strlen(name)) < 0)
		return error_sys(err, errno, "cannot set the host name '%s'",
				 name);
	return 0;
}

/* Found inside the root before any program could touch it, then held. */
static int open_cwd(struct container *c, struct error *err)
{
	const char *cwd = c->sb->cwd ? c->sb->cwd : "/";

	c->cwd = confined_open(c->root, cwd, O_PATH | O_DIRECTORY, 0, err);
	if (c->cwd < 0 && err->sys == ENOENT)
		c->cwd = confined_make_dirs(c->root, cwd, 0755, c->sb->user.uid,
					    c->sb->user.gid, err);
	if (c->cwd < 0)
		return error_wrap(err, "cannot enter the working directory");
	return 0;
}

static int record_stubs(struct container *c, struct error *err)
{
	if (!c->made_stubs)
		return 0;
	return stubs_record(&c->stubs, c->sb->upper, err);
}

#define BY_NAMESPACES (1U << SANDBOX_ISOLATION_NAMESPACES)
#define BY_OCI	      (1U << SANDBOX_ISOLATION_OCI)
#define BY_ALL	      (BY_NAMESPACES | BY_OCI)

/*
 * What each engine does before it starts the program; another one is another
 * bit here and another line of `starters`.
 *
 * Order: the parent first, before anything can hang; root before what is
 * mounted in it; user mounts after ours, so that they may lie inside /dev or
 * /run; stubs before the working directory, which is to stay; the root last,
 * since everything before it names things of the host.
 */
static const struct {
	const char *doing;
	int (*run)(struct container *c, struct error *err);
	unsigned engines;
} steps[] = {
	{ "starting", follow_spawner, BY_ALL },
	{ "naming the host", set_hostname, BY_ALL },
	{ "setting up the network", container_join_network, BY_ALL },
	{ "keeping mounts apart", container_isolate_mounts, BY_ALL },
	{ "mounting the root file system", container_mount_root, BY_ALL },
	{ "mounting /proc", container_mount_proc, BY_NAMESPACES },
	{ "providing /proc", oci_provide_proc, BY_OCI },
	{ "mounting /sys", container_mount_sys, BY_ALL },
	{ "setting up /dev", container_mount_dev, BY_ALL },
	{ "opening a terminal", container_open_terminal, BY_NAMESPACES },
	{ "awaiting a terminal", oci_listen_console, BY_OCI },
	{ "providing files", container_mount_files, BY_ALL },
	{ "mounting", container_mount_user, BY_ALL },
	{ "noting mount points", record_stubs, BY_ALL },
	{ "finding the working directory", open_cwd, BY_ALL },
	{ "entering the root", container_enter_root, BY_NAMESPACES },
	{ "preparing the runtime's place", oci_prepare_host, BY_OCI },
	{ "writing the bundle", oci_write_bundle, BY_OCI },
};

static int set_up(struct container *c, struct error *err)
{
	umask(0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i].engines & 1U << c->sb->isolation &&
		    steps[i].run(c, err) < 0)
			return error_wrap(err, "%s for the container",
					  steps[i].doing);
	return 0;
}

/*
 * Mounts that have a source take the descriptors in their order, and a pooled
 * network the one behind them.
 */
static int hand_out_sources(struct sandbox *sb, const struct container_fds *fds,
			    struct error *err)
{
	/* The list is wire_decode()'s own memory. */
	struct sandbox_mount *mounts = (struct sandbox_mount *)sb->mounts;
	size_t used = 0;

	for (size_t i = 0; i < sb->n_mounts; i++) {
		if (mounts[i].kind == SANDBOX_MOUNT_TMPFS)
			continue;
		if (used == fds->n_sources)
			return error_set(err, ERROR_INTEGRITY,
					 "a mount's source is missing");
		mounts[i].source_fd = fds->sources[used++];
	}
	if (!sandbox_network_is_pooled(sb->network))
		return 0;
	if (used == fds->n_sources)
		return error_set(err, ERROR_INTEGRITY, "a network is missing");
	sb->network_fd = fds->sources[used];
	return 0;
}

/* Background processes end with this one; stubs must wait for that. */
static void take_stubs_away(struct container *c)
{
	if (!c->made_stubs)
		return;
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	stubs_remove(&c->stubs);
}

static _Noreturn void be_init(struct container *c, pid_t program)
{
	struct container_report r = { 0 };

	close(c->fds.output);
	close(c->root);
	close(c->own);
	close(c->dev);
	close(c->cwd);
	if (c->terminal >= 0)
		close(c->terminal);
	r.wait_status = container_init_loop(program);
	take_stubs_away(c);
	report(c->fds.status, &r);
	_exit(0);
}

/*
 * In the child. What it changes must be its own: memory is shared. It returns
 * to end: what tools do before calls that never return is lost on this stack.
 */
static int be_program(void *arg)
{
	const struct container *shared = arg;
	struct container c = *shared;
	struct error err = ERROR_INIT;

	container_exec(&c, &err);
	report_failure(&c, &err);
	return FAILED_STATUS;
}

/*
 * Like vfork(): we sleep until the child has exec'ed, and it borrows our
 * memory until then. Copying the address space would cost more than all the
 * mounts; and the child does nothing that we could trip over.
 */
pid_t container_start_process(int (*child)(void *), void *arg,
			      struct error *err)
{
	char *stack = mmap(NULL, PROGRAM_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t pid;

	if (stack == MAP_FAILED)
		return error_nomem(err, "a process");
	pid = clone(child, stack + PROGRAM_STACK,
		    CLONE_VM | CLONE_VFORK | SIGCHLD, arg);
	if (pid < 0)
		error_sys(err, errno, "cannot start a process");
	munmap(stack, PROGRAM_STACK);
	return pid;
}

static pid_t start_program(struct container *c, struct error *err)
{
	return container_start_process(be_program, c, err);
}

static pid_t (*const starters[])(struct container *c, struct error *err) = {
	[SANDBOX_ISOLATION_NAMESPACES] = start_program,
	[SANDBOX_ISOLATION_OCI] = oci_start,
};

_Noreturn void container_main(const struct engine *engine,
			      const void *description, size_t len,
			      const struct container_fds *fds)
{
	struct container c = { .engine = engine,
			       .fds = *fds,
			       .root = -1,
			       .own = -1,
			       .dev = -1,
			       .cwd = -1,
			       .terminal = -1,
			       .stubs = STUBS_INIT };
	struct wire_sandbox w = { 0 };
	struct error err = ERROR_INIT;
	pid_t program;

	if (wire_decode(description, len, &w, &err) < 0 ||
	    hand_out_sources(&w.sb, fds, &err) < 0)
		fail(&c, &err);
	c.sb = &w.sb;
	if (set_up(&c, &err) < 0)
		fail(&c, &err);
	program = starters[c.sb->isolation](&c, &err);
	if (program < 0)
		fail(&c, &err);
	be_init(&c, program);
}
