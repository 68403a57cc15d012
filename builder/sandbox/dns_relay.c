#include "builder/sandbox/dns_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/base/cleanup.h"
#include "store/base/timefmt.h"

#define HEADER_SIZE 12

/* In the third byte: the bit of answers, then four of the operation. */
#define ANSWER_BIT     0x80
#define OPERATION_BITS 0x78

/* In streams, each message has its length in front, in two bytes. */
#define LENGTH_SIZE 2

/* Whose turn it is in an exchange, and to do what. */
enum turn {
	CLIENT_ASKS,
	SERVER_IS_ASKED,
	SERVER_ANSWERS,
	CLIENT_IS_ANSWERED,
};

static const struct {
	bool of_server;
	short events;
} turns[] = {
	[CLIENT_ASKS] = { false, POLLIN },
	[SERVER_IS_ASKED] = { true, POLLOUT },
	[SERVER_ANSWERS] = { true, POLLIN },
	[CLIENT_IS_ANSWERED] = { false, POLLOUT },
};

/* One query at a time, and its answer. Free when it has neither socket. */
struct exchange {
	int client; /* a connection; -1: the datagram came from `from` */
	int server;
	struct sockaddr_in from;
	unsigned char id[2];
	int64_t until_ms;
	enum turn turn;
	size_t done;	     /* bytes of `data`, in this turn */
	unsigned char *data; /* of a connection: one message with its length */
};

struct relay {
	const struct dns_relay_listeners *listeners;
	const struct dns_server *server;
	struct exchange exchanges[DNS_RELAY_EXCHANGES_MAX];
};

bool dns_is_query(const unsigned char *message, size_t len)
{
	return len >= HEADER_SIZE &&
	       !(message[2] & (ANSWER_BIT | OPERATION_BITS));
}

bool dns_is_answer(const unsigned char *message, size_t len,
		   const unsigned char id[2])
{
	return len >= HEADER_SIZE && message[2] & ANSWER_BIT &&
	       memcmp(message, id, 2) == 0;
}

bool dns_server_parse(const char *text, in_port_t port, struct dns_server *ret)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port) };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(&ret->address, &v4, sizeof(v4));
		ret->len = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		return false;
	memcpy(&ret->address, &v6, sizeof(v6));
	ret->len = sizeof(v6);
	return true;
}

static int bind_socket(int type, const struct dns_server *here,
		       struct error *err)
{
	autoclose int fd = socket(here->address.ss_family,
				  type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&here->address, here->len) < 0)
		return error_sys(err, errno, "cannot listen for DNS");
	return steal_fd(&fd);
}

int dns_relay_listen(struct dns_relay_listeners *ret, const char *address,
		     in_port_t port, struct error *err)
{
	struct dns_server here;
	autoclose int datagrams = -1;
	autoclose int streams = -1;

	if (!dns_server_parse(address, port, &here))
		return error_set(err, ERROR_USAGE, "'%s' is no address",
				 address);
	datagrams = bind_socket(SOCK_DGRAM, &here, err);
	streams = datagrams < 0 ? -1 : bind_socket(SOCK_STREAM, &here, err);
	if (streams < 0)
		return -1;
	if (listen(streams, SOMAXCONN) < 0)
		return error_sys(err, errno, "cannot listen for DNS");
	ret->datagrams = steal_fd(&datagrams);
	ret->streams = steal_fd(&streams);
	return 0;
}

static bool is_free(const struct exchange *e)
{
	return e->client < 0 && e->server < 0;
}

static void clear(struct exchange *e)
{
	*e = (struct exchange){ .client = -1, .server = -1 };
}

static void end(struct exchange *e)
{
	if (e->client >= 0)
		close(e->client);
	if (e->server >= 0)
		close(e->server);
	free(e->data);
	clear(e);
}

/* One that is free, or has been made so. */
static struct exchange *begin(struct relay *r)
{
	struct exchange *oldest = &r->exchanges[0];

	for (size_t i = 0; i < DNS_RELAY_EXCHANGES_MAX; i++) {
		struct exchange *e = &r->exchanges[i];

		if (is_free(e))
			return e;
		if (e->until_ms < oldest->until_ms)
			oldest = e;
	}
	end(oldest);
	return oldest;
}

static void wait_for(struct exchange *e, enum turn turn)
{
	e->turn = turn;
	e->done = 0;
	e->until_ms = time_monotonic_ms() + DNS_RELAY_WAIT_MS;
}

static int connect_to(const struct dns_server *server, int type)
{
	autoclose int fd = socket(server->address.ss_family,
				  type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || (connect(fd, (const struct sockaddr *)&server->address,
			       server->len) < 0 &&
		       errno != EINPROGRESS))
		return -1;
	return steal_fd(&fd);
}

/* Clients ask again when a datagram is lost, so nothing is told of failures. */
static void take_datagram(struct relay *r)
{
	unsigned char query[DNS_MESSAGE_MAX];
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(r->listeners->datagrams, query, sizeof(query), 0,
			     (struct sockaddr *)&from, &len);
	struct exchange *e;

	if (n < 0 || !dns_is_query(query, (size_t)n))
		return;
	e = begin(r);
	e->server = connect_to(r->server, SOCK_DGRAM);
	if (e->server < 0)
		return;
	e->from = from;
	memcpy(e->id, query, sizeof(e->id));
	wait_for(e, SERVER_ANSWERS);
	if (send(e->server, query, (size_t)n, MSG_NOSIGNAL) != n)
		end(e);
}

/* What is no answer to this query is let pass: the answer may yet come. */
static void answer_datagram(const struct relay *r, struct exchange *e)
{
	unsigned char answer[DNS_MESSAGE_MAX];
	ssize_t n = recv(e->server, answer, sizeof(answer), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n >= 0 && !dns_is_answer(answer, (size_t)n, e->id))
		return;
	if (n >= 0)
		sendto(r->listeners->datagrams, answer, (size_t)n, MSG_NOSIGNAL,
		       (const struct sockaddr *)&e->from, sizeof(e->from));
	end(e);
}

static void take_connection(struct relay *r)
{
	int fd = accept4(r->listeners->streams, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct exchange *e;

	if (fd < 0)
		return;
	e = begin(r);
	e->client = fd;
	e->data = malloc(LENGTH_SIZE + DNS_MESSAGE_MAX);
	if (e->data)
		wait_for(e, CLIENT_ASKS);
	else
		end(e);
}

/* Of the message with its length, as far as that is known. */
static size_t whole(const struct exchange *e)
{
	if (turns[e->turn].events == POLLIN && e->done < LENGTH_SIZE)
		return LENGTH_SIZE;
	return LENGTH_SIZE + ((size_t)e->data[0] << 8 | e->data[1]);
}

/* Returns 1 when the message is through, 0 when more is to come, -1. */
static int move_bytes(struct exchange *e)
{
	int fd = turns[e->turn].of_server ? e->server : e->client;
	size_t left = whole(e) - e->done;
	ssize_t n = turns[e->turn].events == POLLIN
			    ? recv(fd, e->data + e->done, left, 0)
			    : send(fd, e->data + e->done, left, MSG_NOSIGNAL);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	e->done += (size_t)n;
	return e->done == whole(e);
}

/* Each query has a connection of its own, so that an answer is one message. */
static int pass_on(const struct relay *r, struct exchange *e)
{
	const unsigned char *message = e->data + LENGTH_SIZE;
	size_t len = e->done - LENGTH_SIZE;

	switch (e->turn) {
	case CLIENT_ASKS:
		if (!dns_is_query(message, len))
			return -1;
		memcpy(e->id, message, sizeof(e->id));
		e->server = connect_to(r->server, SOCK_STREAM);
		wait_for(e, SERVER_IS_ASKED);
		return e->server < 0 ? -1 : 0;
	case SERVER_IS_ASKED:
		wait_for(e, SERVER_ANSWERS);
		return 0;
	case SERVER_ANSWERS:
		if (!dns_is_answer(message, len, e->id))
			return -1;
		close(steal_fd(&e->server));
		wait_for(e, CLIENT_IS_ANSWERED);
		return 0;
	case CLIENT_IS_ANSWERED:
		wait_for(e, CLIENT_ASKS);
		return 0;
	}
	return -1;
}

static void go_on(const struct relay *r, struct exchange *e)
{
	int moved;

	if (e->client < 0) {
		answer_datagram(r, e);
		return;
	}
	moved = move_bytes(e);
	if (moved < 0 || (moved > 0 && pass_on(r, e) < 0))
		end(e);
}

/* What is polled: these, then the exchanges. */
enum { STOP, DATAGRAMS, STREAMS, FIXED };

/* Returns how long to wait: until the first exchange has waited enough. */
static int fill_poll(struct relay *r, struct pollfd *p)
{
	int64_t now = time_monotonic_ms();
	int64_t left = INT64_MAX;

	for (size_t i = 0; i < DNS_RELAY_EXCHANGES_MAX; i++) {
		struct exchange *e = &r->exchanges[i];

		if (!is_free(e) && e->until_ms <= now)
			end(e);
		if (!is_free(e) && e->until_ms - now < left)
			left = e->until_ms - now;
		p[FIXED + i].fd =
			turns[e->turn].of_server ? e->server : e->client;
		p[FIXED + i].events = turns[e->turn].events;
	}
	return left == INT64_MAX ? -1 : (int)left;
}

/* Exchanges go first: what comes in may take the place of one. */
static void serve_ready(struct relay *r, const struct pollfd *p)
{
	for (size_t i = 0; i < DNS_RELAY_EXCHANGES_MAX; i++)
		if (p[FIXED + i].revents)
			go_on(r, &r->exchanges[i]);
	if (p[DATAGRAMS].revents)
		take_datagram(r);
	if (p[STREAMS].revents)
		take_connection(r);
}

int dns_relay_serve(const struct dns_relay_listeners *listeners,
		    const struct dns_server *server, int stop,
		    struct error *err)
{
	struct relay r = { .listeners = listeners, .server = server };
	struct pollfd p[FIXED + DNS_RELAY_EXCHANGES_MAX] = {
		[STOP] = { .fd = stop, .events = POLLIN },
		[DATAGRAMS] = { .fd = listeners->datagrams, .events = POLLIN },
		[STREAMS] = { .fd = listeners->streams, .events = POLLIN },
	};
	int rc = 0;

	for (size_t i = 0; i < DNS_RELAY_EXCHANGES_MAX; i++)
		clear(&r.exchanges[i]);
	while (rc == 0 && !p[STOP].revents) {
		if (poll(p, ARRAY_LEN(p), fill_poll(&r, p)) >= 0)
			serve_ready(&r, p);
		else if (errno != EINTR)
			rc = error_sys(err, errno, "cannot wait for DNS");
	}
	for (size_t i = 0; i < DNS_RELAY_EXCHANGES_MAX; i++)
		end(&r.exchanges[i]);
	return rc;
}
