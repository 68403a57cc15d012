#include "builder/sandbox/network_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/cleanup.h"

#define STACK_SIZE (64U << 10)

int network_loopback_up(struct error *err)
{
	struct ifreq request = { .ifr_name = "lo",
				 .ifr_flags = IFF_UP | IFF_RUNNING };
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return error_sys(err, errno, "cannot open a socket");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_sys(err, errno,
				 "cannot bring the loopback interface up");
	return 0;
}

/*
 * Connections that are over leave nothing behind for whoever uses the
 * namespace next. Where it cannot be set, a port may be busy for a minute.
 */
static void keep_no_time_wait(void)
{
	autoclose int fd = open("/proc/sys/net/ipv4/tcp_max_tw_buckets",
				O_WRONLY | O_CLOEXEC);
	ssize_t ignored = fd < 0 ? -1 : write(fd, "0", 1);

	(void)ignored;
}

struct birth {
	int (*inside)(void *ctx, struct error *err);
	void *ctx;
	int fd;
	struct error err;
};

static int be_first(void *arg)
{
	struct birth *b = arg;

	if (network_loopback_up(&b->err) < 0)
		return 1;
	keep_no_time_wait();
	if (b->inside && b->inside(b->ctx, &b->err) < 0)
		return 1;
	b->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (b->fd < 0)
		error_sys(&b->err, errno, "cannot hold a network namespace");
	return 0;
}

/*
 * A child makes it and leaves: it shares our memory and descriptors, and we
 * could not come back from there, for our own one may belong to another user
 * namespace.
 */
int network_ns_new(int (*inside)(void *ctx, struct error *err), void *ctx,
		   struct error *err)
{
	struct birth birth = {
		.inside = inside,
		.ctx = ctx,
		.fd = -1,
		.err = ERROR_INIT,
	};
	_Alignas(16) char stack[STACK_SIZE];
	pid_t pid = clone(be_first, stack + sizeof(stack),
			  CLONE_NEWNET | CLONE_VM | CLONE_VFORK | CLONE_FILES |
				  SIGCHLD,
			  &birth);

	if (pid < 0)
		return error_sys(err, errno, "cannot make a network namespace");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (birth.fd < 0)
		*err = birth.err;
	return birth.fd;
}
