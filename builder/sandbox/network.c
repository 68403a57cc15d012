#include "builder/sandbox/network.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/sandbox/dns_relay.h"
#include "builder/sandbox/find_program.h"
#include "builder/sandbox/network_keeper.h"
#include "builder/sandbox/pass_fd.h"
#include "builder/sandbox/resolv.h"
#include "builder/sandbox/spawner_wire.h"
#include "store/base/cleanup.h"
#include "store/base/io.h"

/* A program that is not ready after so long never will be. */
#define READY_MS 20000
#define END_MS	 1000

struct network {
	struct network *next;
	int keeper; /* socket; its end is the network's */
	int ns;	    /* -1 until it is ready */
	bool in_use;
	const char *resolver; /* see network_resolver() */
	char made_with[16];
};

enum verdict {
	UNDECIDED,
	WORKS,
	IS_HOST,
};

struct network_pool {
	struct network_pool_options options;
	int order;	      /* memory file; see network_keeper.h */
	const char *resolver; /* of all networks that follow from it */
	pthread_mutex_t lock;
	struct network *networks;
	enum verdict verdict;
};

int network_fd(const struct network *n)
{
	return n->ns;
}

const char *network_made_with(const struct network *n)
{
	return n->made_with;
}

const char *network_resolver(const struct network *n)
{
	return n->resolver;
}

static int find_programs(struct network_order *order, struct error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < NETWORK_PROGRAMS; i++) {
		autofree char *path = NULL;
		int found = find_program(network_program_name(i), &path, err);

		if (found < 0)
			return -1;
		if (!found || strlen(path) >= PATH_MAX)
			continue;
		memcpy(order->programs[i], path, strlen(path) + 1);
		n++;
	}
	if (n)
		return 0;
	return error_set(err, ERROR_NOT_FOUND,
			 "pasta and slirp4netns are not installed (the package "
			 "of pasta is passt)");
}

static int look_at_resolver(const struct network_pool *p,
			    struct network_order *order, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (p->options.has_servers)
		return 0;
	if (resolv_conf_read_host(&text, err) < 0)
		return -1;
	if (text.len)
		resolv_conf_loopback_server(text.data, order->resolver);
	return 0;
}

/* Found once, when the first network is wanted. */
static int make_order(struct network_pool *p, struct error *err)
{
	struct network_order order = { .kind = p->options.kind };
	autoclose int fd = -1;

	if (p->order >= 0)
		return 0;
	if (order.kind == SANDBOX_NETWORK_PRIVATE &&
	    find_programs(&order, err) < 0)
		return -1;
	if (look_at_resolver(p, &order, err) < 0)
		return -1;
	fd = memfd_create("network", MFD_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot describe a network");
	if (io_write(fd, &order, sizeof(order), "a network's description",
		     err) < 0)
		return -1;
	p->order = steal_fd(&fd);
	p->resolver = order.resolver[0] ? DNS_RELAY_ADDRESS : NULL;
	return 0;
}

int network_pool_new(const struct network_pool_options *options,
		     struct network_pool **ret, struct error *err)
{
	struct network_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return error_nomem(err, "networks");
	p->options = *options;
	p->order = -1;
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return 0;
}

/*
 * The keeper closes its side when nothing is left. One that does not hear us,
 * since its program hangs, ends with the spawner.
 */
static void network_free(struct network *n)
{
	struct pollfd p = { .fd = n->keeper, .events = POLLIN };
	char byte;

	shutdown(n->keeper, SHUT_WR);
	while (poll(&p, 1, END_MS) > 0 && recv(n->keeper, &byte, 1, 0) > 0)
		;
	close(n->keeper);
	if (n->ns >= 0)
		close(n->ns);
	free(n);
}

void network_pool_shut(struct network_pool *p)
{
	for (struct network *n = p->networks; n; n = n->next)
		shutdown(n->keeper, SHUT_WR);
}

void network_pool_free(struct network_pool *p)
{
	if (!p)
		return;
	network_pool_shut(p);
	while (p->networks) {
		struct network *n = p->networks;

		p->networks = n->next;
		network_free(n);
	}
	if (p->order >= 0)
		close(p->order);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Under the lock: have one made. */
static int begin(struct network_pool *p, struct network **ret,
		 struct error *err)
{
	const struct spawner_request request = { .wants_network = true };
	autofree struct network *n = calloc(1, sizeof(*n));
	autoclose int ours = -1;
	autoclose int theirs = -1;
	int pair[2];

	if (!n)
		return error_nomem(err, "a network");
	if (make_order(p, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "cannot make a socket");
	ours = pair[0];
	theirs = pair[1];
	if (spawner_send(p->options.spawner, &request,
			 (const int[]){ theirs, p->order }, 2, err) < 0)
		return -1;
	n->keeper = steal_fd(&ours);
	n->ns = -1;
	n->resolver = p->resolver;
	n->next = p->networks;
	p->networks = steal_pointer(&n);
	*ret = p->networks;
	return 0;
}

static struct network *find_idle(const struct network_pool *p)
{
	struct network *begun = NULL;

	for (struct network *n = p->networks; n; n = n->next) {
		if (n->in_use)
			continue;
		if (n->ns >= 0)
			return n;
		begun = n;
	}
	return begun;
}

void network_pool_prepare(struct network_pool *p)
{
	struct error ignored = ERROR_INIT;
	struct network *n;

	/* What goes wrong is said to whoever takes one. */
	pthread_mutex_lock(&p->lock);
	if (!p->networks && p->verdict != IS_HOST)
		begin(p, &n, &ignored);
	pthread_mutex_unlock(&p->lock);
}

static void discard(struct network_pool *p, struct network *n)
{
	struct network **at = &p->networks;

	pthread_mutex_lock(&p->lock);
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	pthread_mutex_unlock(&p->lock);
	network_free(n);
}

static int await_report(const struct network *n, struct cancel *cancel,
			struct error *err)
{
	struct pollfd p[2] = {
		{ .fd = n->keeper, .events = POLLIN },
		{ .fd = cancel ? cancel_fd(cancel) : -1, .events = POLLIN },
	};
	int r;

	do
		r = poll(p, 2, READY_MS);
	while (r < 0 && errno == EINTR);
	if (cancel_check(cancel, err) < 0)
		return -1;
	if (r <= 0)
		return error_set(err, ERROR_SYSTEM,
				 "the network was not ready in %d s",
				 READY_MS / 1000);
	return 0;
}

static int read_report(struct network *n, struct error *err)
{
	struct network_report report;
	size_t n_fds;
	ssize_t r = pass_fds_receive(n->keeper, &report, sizeof(report), &n->ns,
				     1, &n_fds);

	if (r == (ssize_t)sizeof(report) && report.has_failed) {
		*err = report.err;
		return -1;
	}
	if (r != (ssize_t)sizeof(report) || n->ns < 0)
		return error_set(err, ERROR_SYSTEM,
				 "the process that makes networks has ended");
	memcpy(n->made_with, report.made_with, sizeof(n->made_with));
	return 0;
}

/* Its program may have ended while nobody used it. */
static bool is_alive(const struct network *n)
{
	struct pollfd p = { .fd = n->keeper };

	return poll(&p, 1, 0) == 0;
}

/* One that is ours alone, ready or not. */
static int claim(struct network_pool *p, struct network **ret,
		 struct error *err)
{
	struct network *n;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	n = find_idle(p);
	if (!n)
		rc = begin(p, &n, err);
	if (rc == 0)
		n->in_use = true;
	pthread_mutex_unlock(&p->lock);
	*ret = n;
	return rc;
}

static int take_ready(struct network_pool *p, struct cancel *cancel,
		      struct network **ret, struct error *err)
{
	struct network *n = NULL;

	for (;;) {
		if (claim(p, &n, err) < 0)
			return -1;
		if (n->ns < 0)
			break;
		*ret = n;
		if (is_alive(n))
			return 0;
		discard(p, n);
	}
	if (await_report(n, cancel, err) < 0 || read_report(n, err) < 0) {
		discard(p, n);
		return -1;
	}
	*ret = n;
	return 0;
}

static void warn(struct network_pool *p, const struct error *why)
{
	char message[sizeof(((struct error *)0)->text)];
	char line[sizeof(message) + 128];

	snprintf(line, sizeof(line),
		 "RUN uses the host's network, a private one cannot be had: %s",
		 error_message(why, message, sizeof(message)));
	p->options.warn(p->options.ctx, line);
}

/* The first outcome is the pool's. Is it the host's from now on? */
static bool decide(struct network_pool *p, bool works, const struct error *why)
{
	bool is_first;
	bool is_host;

	pthread_mutex_lock(&p->lock);
	is_first = p->verdict == UNDECIDED;
	if (is_first)
		p->verdict = works ? WORKS : IS_HOST;
	is_host = p->verdict == IS_HOST;
	pthread_mutex_unlock(&p->lock);
	if (is_first && is_host)
		warn(p, why);
	return is_host;
}

static bool is_decided_host(struct network_pool *p)
{
	bool is_host;

	pthread_mutex_lock(&p->lock);
	is_host = p->verdict == IS_HOST;
	pthread_mutex_unlock(&p->lock);
	return is_host;
}

int network_pool_take(struct network_pool *p, struct cancel *cancel,
		      struct network **ret, struct error *err)
{
	*ret = NULL;
	if (is_decided_host(p))
		return 0;
	if (take_ready(p, cancel, ret, err) == 0) {
		decide(p, true, NULL);
		return 0;
	}
	if (err->kind == ERROR_CANCELED || err->kind == ERROR_NOMEM)
		return -1;
	if (p->options.or_host && decide(p, false, err)) {
		*err = (struct error)ERROR_INIT;
		return 0;
	}
	return error_wrap(err, p->options.kind == SANDBOX_NETWORK_BRIDGE
				       ? "no bridged network"
				       : "no private network");
}

void network_pool_give_back(struct network_pool *p, struct network *n,
			    bool is_clean)
{
	if (!n)
		return;
	if (!is_clean) {
		discard(p, n);
		return;
	}
	pthread_mutex_lock(&p->lock);
	n->in_use = false;
	pthread_mutex_unlock(&p->lock);
}
