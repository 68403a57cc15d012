#include "builder/sandbox/network_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/descriptors.h"
#include "builder/sandbox/dns_relay.h"
#include "builder/sandbox/network_bridge.h"
#include "builder/sandbox/network_ns.h"
#include "builder/sandbox/pass_fd.h"
#include "store/base/cleanup.h"

/*
 * In a mount namespace of our own; programs take no descriptor. The directory
 * is there wherever /proc is, and no program lies below it.
 */
#define NS_DIR	"/proc/driver"
#define NS_FILE NS_DIR "/netns"

#define TUN "/dev/net/tun"

uint64_t network_keeper_clone_flags(void)
{
	return CLONE_NEWPID | CLONE_NEWNS;
}

static int follow_spawner(int socket, struct error *err)
{
	struct pollfd p = { .fd = socket };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_sys(err, errno, "cannot tie a network to us");
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
		return error_set(err, ERROR_SYSTEM, "the builder has ended");
	return 0;
}

static int read_order(int fd, struct network_order *order, struct error *err)
{
	if (pread(fd, order, sizeof(*order), 0) != (ssize_t)sizeof(*order))
		return error_set(err, ERROR_INTEGRITY,
				 "a network's description is damaged");
	return 0;
}

/* Give the namespace a name that a program can open. */
static int name_namespace(int ns, struct error *err)
{
	char source[64];
	int fd;

	snprintf(source, sizeof(source), "/proc/self/fd/%d", ns);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", NS_DIR, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=755,size=64k") < 0)
		return error_sys(err, errno, "cannot mount on '%s'", NS_DIR);
	fd = open(NS_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	if (mount(source, NS_FILE, NULL, MS_BIND, NULL) < 0)
		return error_sys(err, errno, "cannot name a network namespace");
	return 0;
}

/* Before a program says it in its own words. */
static int check_tun(struct error *err)
{
	autoclose int fd = open(TUN, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	error_sys(err, errno, "cannot open '" TUN "'");
	return error_wrap(err, "this machine or container must have that "
			       "device, open to us");
}

static int connect_by_program(const struct network_order *order, int ns,
			      struct network_report *r)
{
	if (check_tun(&r->err) < 0 || name_namespace(ns, &r->err) < 0)
		return -1;
	for (size_t i = 0; i < NETWORK_PROGRAMS; i++) {
		const char *name = network_program_name(i);

		if (!order->programs[i][0] ||
		    network_program_start(i, order->programs[i], NS_FILE,
					  &r->err) < 0)
			continue;
		snprintf(r->made_with, sizeof(r->made_with), "%s", name);
		r->has_program = true;
		return 0;
	}
	return -1;
}

/* What it returns stays open, and with it the network's rules. */
static int connect_by_kernel(int ns, struct network_report *r)
{
	snprintf(r->made_with, sizeof(r->made_with), "veth");
	return network_bridge_make(ns, &r->err);
}

static int connect_out(const struct network_order *order, int ns,
		       struct network_report *r)
{
	return order->kind == SANDBOX_NETWORK_BRIDGE
		       ? connect_by_kernel(ns, r)
		       : connect_by_program(order, ns, r);
}

/* It reads what strangers send, so it can do nothing but open sockets. */
static int give_rights_up(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "cannot set no_new_privs");
	if (caps_limit_bounding(0, err) < 0)
		return -1;
	return caps_set(0, 0, err);
}

static _Noreturn void be_relay(const struct dns_relay_listeners *listeners,
			       const struct dns_server *server, int stop)
{
	int keep[] = { listeners->datagrams, listeners->streams, stop };
	struct error ignored = ERROR_INIT;

	if (descriptors_close_others(keep, ARRAY_LEN(keep), &ignored) == 0 &&
	    give_rights_up(&ignored) == 0)
		dns_relay_serve(listeners, server, stop, &ignored);
	_exit(1);
}

/*
 * Returns our end of what ties the two together. Its end is told by no signal,
 * which leaves those to the program.
 */
static int start_relay(const struct dns_relay_listeners *listeners,
		       const struct dns_server *server, struct error *err)
{
	autoclose int ours = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "cannot make a socket");
	ours = pair[0];
	pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0)
		be_relay(listeners, server, pair[1]);
	close(pair[1]);
	if (pid < 0)
		return error_sys(err, errno, "cannot start a relay for DNS");
	return steal_fd(&ours);
}

static int listen_inside(void *ctx, struct error *err)
{
	return dns_relay_listen(ctx, DNS_RELAY_ADDRESS, DNS_PORT, err);
}

/* The relay is made here and now, while we are in the host's network. */
static int make_namespace(const struct network_order *order, int *relay,
			  struct error *err)
{
	struct dns_relay_listeners listeners;
	struct dns_server server;
	autoclose int ns = -1;

	if (!order->resolver[0])
		return network_ns_new(NULL, NULL, err);
	if (!dns_server_parse(order->resolver, DNS_PORT, &server))
		return error_set(err, ERROR_INTEGRITY,
				 "a network's description is damaged");
	ns = network_ns_new(listen_inside, &listeners, err);
	if (ns < 0)
		return -1;
	*relay = start_relay(&listeners, &server, err);
	close(listeners.datagrams);
	close(listeners.streams);
	return *relay < 0 ? -1 : steal_fd(&ns);
}

static int make_network(int socket, int order_fd, int *relay,
			struct network_report *r)
{
	struct network_order order;
	int ns;

	if (follow_spawner(socket, &r->err) < 0 ||
	    read_order(order_fd, &order, &r->err) < 0)
		return -1;
	ns = make_namespace(&order, relay, &r->err);
	if (ns < 0 || connect_out(&order, ns, r) < 0)
		return -1;
	return ns;
}

static void send_report(int socket, const struct network_report *r, int ns)
{
	pass_fds_send(socket, r, sizeof(*r), &ns, ns >= 0, MSG_DONTWAIT);
}

void network_keeper_refuse(int socket, const struct error *err)
{
	const struct network_report r = { .has_failed = true, .err = *err };

	send_report(socket, &r, -1);
}

/* Reap what has ended. Is there a process left besides us? */
static bool has_children(int signals)
{
	struct signalfd_siginfo ignored;
	pid_t pid;

	if (read(signals, &ignored, sizeof(ignored)) < 0)
		return true;
	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	return pid == 0;
}

/*
 * Until the builder lets go of the network, or its program or relay (-1: none)
 * has ended: what is left of it then is of no use.
 */
static void keep(int socket, int relay, bool has_program)
{
	struct pollfd p[3] = {
		[0] = { .fd = socket, .events = POLLIN },
		[2] = { .fd = relay, .events = POLLIN },
	};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	p[1].fd = !has_program
			  ? -1
			  : signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	p[1].events = POLLIN;
	for (;;) {
		int n = poll(p, ARRAY_LEN(p), -1);

		if (n > 0 && (p[0].revents || p[2].revents))
			return;
		if (n > 0 && p[1].revents && !has_children(p[1].fd))
			return;
	}
}

/* Our end would do it as well, but close the socket first. */
static void end_all(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

_Noreturn void network_keeper_main(int socket, int order)
{
	struct network_report r = { .has_failed = true };
	int relay = -1;
	int ns = make_network(socket, order, &relay, &r);

	r.has_failed = ns < 0;
	send_report(socket, &r, ns);
	if (ns >= 0) {
		close(ns);
		keep(socket, relay, r.has_program);
	}
	end_all();
	_exit(0);
}
