#include "builder/socket_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "store/base/wake.h"

#define CONNECTIONS_MAX 32
#define PIECE_SIZE	16384

/* What goes from one end to the other: at most one piece is on its way. */
struct direction {
	char data[PIECE_SIZE];
	size_t begin;
	size_t end;
	bool has_ended;
};

/* fds[0] is the container's end; directions[i] goes out of fds[i]. */
struct connection {
	int fds[2];
	struct direction directions[2];
};

struct socket_relay {
	int dir;
	char *name;
	char *path;
	int listener;
	int stop; /* see wake.h */
	pthread_t thread;
	bool is_running;
	struct connection *connections[CONNECTIONS_MAX];
	size_t n;
};

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void connection_free(struct connection *c)
{
	close(c->fds[0]);
	close(c->fds[1]);
	free(c);
}

/* A socket of this program's user; paths that are too long were refused. */
static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = make_socket();

	memcpy(address.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
			       sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void take_one(struct socket_relay *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->fds[0] = fd;
	c->fds[1] = dial(r->path);
	if (c->fds[1] < 0) {
		close(fd);
		free(c);
		return;
	}
	r->connections[r->n++] = c;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Move what can be moved; false when the connection is broken. */
static bool move(struct direction *d, int from, int to)
{
	ssize_t n;

	if (d->begin == d->end && !d->has_ended) {
		n = read(from, d->data, sizeof(d->data));
		if (n < 0)
			return would_block();
		d->begin = 0;
		d->end = (size_t)n;
		d->has_ended = n == 0;
		if (d->has_ended)
			shutdown(to, SHUT_WR);
	}
	if (d->begin < d->end) {
		n = send(to, d->data + d->begin, d->end - d->begin,
			 MSG_NOSIGNAL);
		if (n < 0)
			return would_block();
		d->begin += (size_t)n;
	}
	return true;
}

static bool is_alive(struct connection *c)
{
	for (int i = 0; i < 2; i++)
		if (!move(&c->directions[i], c->fds[i], c->fds[!i]))
			return false;
	return !c->directions[0].has_ended || !c->directions[1].has_ended;
}

/* What each end is waited for: room for what lies here, or more. */
static void prepare(const struct connection *c, struct pollfd polled[2])
{
	for (int i = 0; i < 2; i++) {
		const struct direction *out = &c->directions[i];
		const struct direction *in = &c->directions[!i];
		bool wants_more = out->begin == out->end && !out->has_ended;
		bool has_some = in->begin < in->end;

		polled[i] = (struct pollfd){
			.fd = wants_more || has_some ? c->fds[i] : -1,
			.events = (short)((wants_more ? POLLIN : 0) |
					  (has_some ? POLLOUT : 0)),
		};
	}
}

static void *serve(void *arg)
{
	struct socket_relay *r = arg;
	struct pollfd polled[2 + 2 * CONNECTIONS_MAX];

	for (;;) {
		size_t n = r->n;

		polled[0] = (struct pollfd){ r->stop, POLLIN, 0 };
		polled[1] = (struct pollfd){
			n < CONNECTIONS_MAX ? r->listener : -1, POLLIN, 0
		};
		for (size_t i = 0; i < n; i++)
			prepare(r->connections[i], &polled[2 + 2 * i]);
		if (poll(polled, 2 + 2 * n, -1) < 0)
			continue;
		if (polled[0].revents)
			return NULL;
		/* From the end: the last takes the place of one that goes. */
		for (size_t i = n; i-- > 0;) {
			const struct pollfd *p = &polled[2 + 2 * i];

			if ((!p[0].revents && !p[1].revents) ||
			    is_alive(r->connections[i]))
				continue;
			connection_free(r->connections[i]);
			r->connections[i] = r->connections[--r->n];
		}
		if (polled[1].revents)
			take_one(r);
	}
}

/* By descriptor: the directory's path may be longer than a socket's. */
static int listen_at(const struct socket_relay *r, mode_t mode, uid_t uid,
		     gid_t gid, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int len = snprintf(address.sun_path, sizeof(address.sun_path),
			   "/proc/self/fd/%d/%s", r->dir, r->name);

	if (len >= (int)sizeof(address.sun_path))
		return error_set(err, ERROR_SYSTEM, "'%s' is too long a name",
				 r->name);
	if (bind(r->listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, errno, "cannot make a socket");
	if ((uid || gid) &&
	    fchownat(r->dir, r->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot give a socket to %u:%u",
				 uid, gid);
	if (fchmodat(r->dir, r->name, mode, 0) < 0)
		return error_sys(err, errno, "cannot set a socket's mode");
	if (listen(r->listener, CONNECTIONS_MAX) < 0)
		return error_sys(err, errno, "cannot listen");
	return 0;
}

/* Said now, and not when the container finds nobody there. */
static int check_other_end(const char *path, struct error *err)
{
	struct sockaddr_un address;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_REFUSED,
				 "the path '%s' is too long for a socket",
				 path);
	fd = dial(path);
	if (fd < 0)
		return error_sys(err, errno, "nobody listens at '%s'", path);
	close(fd);
	return 0;
}

int socket_relay_start(int dir, const char *name, mode_t mode, uid_t uid,
		       gid_t gid, const char *path, struct socket_relay **ret,
		       struct error *err)
{
	AUTO(socket_relay_free) struct socket_relay *r = calloc(1, sizeof(*r));
	int failed;

	if (!r)
		return error_nomem(err, "a socket");
	r->dir = dir;
	r->listener = make_socket();
	r->stop = wake_open(err);
	r->name = strdup(name);
	r->path = strdup(path);
	if (!r->name || !r->path)
		return error_nomem(err, "a socket");
	if (r->listener < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (r->stop < 0)
		return -1;
	if (check_other_end(path, err) < 0 ||
	    listen_at(r, mode, uid, gid, err) < 0)
		return -1;
	failed = pthread_create(&r->thread, NULL, serve, r);
	if (failed)
		return error_sys(err, failed, "cannot start a thread");
	r->is_running = true;
	*ret = steal_pointer(&r);
	return 0;
}

void socket_relay_free(struct socket_relay *r)
{
	if (!r)
		return;
	if (r->is_running) {
		wake_tell(r->stop);
		pthread_join(r->thread, NULL);
	}
	while (r->n)
		connection_free(r->connections[--r->n]);
	if (r->listener >= 0)
		close(r->listener);
	if (r->stop >= 0)
		close(r->stop);
	if (r->name)
		unlinkat(r->dir, r->name, 0);
	free(r->name);
	free(r->path);
	free(r);
}
