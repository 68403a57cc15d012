/* The relay between its clients and a server, all of them sockets of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/sandbox/dns_relay.h"

#define QUERY_LEN 20

struct lab {
	struct dns_relay_listeners listeners;
	struct dns_server server; /* what the relay was told */
	struct sockaddr_in relay_datagrams;
	struct sockaddr_in relay_streams;
	int datagrams; /* of the server's */
	int streams;
	int stop;
	int relay_stop;
	int rc; /* of the relay */
	pthread_t thread;
};

/* What never comes fails the test instead of hanging it. */
static void limit_wait(int fd)
{
	const struct timeval limit = { .tv_sec = 20 };

	assert_return_code(
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
		0);
}

static int bound_socket(int type, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = at->sin_port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)at, len) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)at, &len);
	limit_wait(fd);
	return fd;
}

/* Both at one port, which another program may have for one of them. */
static void open_server(struct lab *l)
{
	struct sockaddr_in at;

	do {
		at.sin_port = 0;
		l->datagrams = bound_socket(SOCK_DGRAM, &at);
		l->streams = bound_socket(SOCK_STREAM, &at);
		if (l->streams < 0)
			close(l->datagrams);
	} while (l->streams < 0);
	assert_return_code(listen(l->streams, 10), 0);
	assert_true(
		dns_server_parse("127.0.0.1", ntohs(at.sin_port), &l->server));
}

static void *serve(void *ctx)
{
	struct lab *l = ctx;
	struct error err = ERROR_INIT;

	l->rc = dns_relay_serve(&l->listeners, &l->server, l->relay_stop, &err);
	return NULL;
}

static void get_address(int fd, struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);

	assert_return_code(getsockname(fd, (struct sockaddr *)ret, &len), 0);
}

static int set_up(void **state)
{
	static struct lab lab;
	struct error err = ERROR_INIT;
	int pair[2];

	open_server(&lab);
	assert_int_equal(dns_relay_listen(&lab.listeners, "127.0.0.1", 0, &err),
			 0);
	get_address(lab.listeners.datagrams, &lab.relay_datagrams);
	get_address(lab.listeners.streams, &lab.relay_streams);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	lab.stop = pair[0];
	lab.relay_stop = pair[1];
	assert_int_equal(pthread_create(&lab.thread, NULL, serve, &lab), 0);
	*state = &lab;
	return 0;
}

static int tear_down(void **state)
{
	struct lab *l = *state;

	close(l->stop);
	pthread_join(l->thread, NULL);
	assert_int_equal(l->rc, 0);
	close(l->relay_stop);
	close(l->listeners.datagrams);
	close(l->listeners.streams);
	close(l->datagrams);
	close(l->streams);
	return 0;
}

static int dial(int type, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	limit_wait(fd);
	assert_return_code(
		connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	return fd;
}

/* One of `id` with a byte of its own, so that answers can be told apart. */
static void make_message(unsigned char ret[QUERY_LEN], uint16_t id,
			 unsigned char own)
{
	memset(ret, 0, QUERY_LEN);
	ret[0] = (unsigned char)(id >> 8);
	ret[1] = (unsigned char)id;
	ret[QUERY_LEN - 1] = own;
}

static void ask(int fd, uint16_t id, unsigned char own)
{
	unsigned char query[QUERY_LEN];

	make_message(query, id, own);
	assert_int_equal(send(fd, query, sizeof(query), 0), sizeof(query));
}

/* The server hears the query that has `own`; `*from` is the relay's socket. */
static void server_hears(const struct lab *l, unsigned char own,
			 struct sockaddr_in *from)
{
	unsigned char query[QUERY_LEN + 1];
	socklen_t len = sizeof(*from);

	assert_int_equal(recvfrom(l->datagrams, query, sizeof(query), 0,
				  (struct sockaddr *)from, &len),
			 QUERY_LEN);
	assert_int_equal(query[QUERY_LEN - 1], own);
}

static void answer_from(int fd, const struct sockaddr_in *to, uint16_t id,
			unsigned char own)
{
	unsigned char answer[QUERY_LEN];

	make_message(answer, id, own);
	answer[2] = 0x80;
	assert_int_equal(sendto(fd, answer, sizeof(answer), 0,
				(const struct sockaddr *)to, sizeof(*to)),
			 sizeof(answer));
}

static void client_gets(int fd, unsigned char own)
{
	unsigned char answer[QUERY_LEN + 1];

	assert_int_equal(recv(fd, answer, sizeof(answer), 0), QUERY_LEN);
	assert_int_equal(answer[2], 0x80);
	assert_int_equal(answer[QUERY_LEN - 1], own);
}

static void answers_go_to_those_who_asked(void **state)
{
	const struct lab *l = *state;
	struct sockaddr_in from[3];
	int clients[3];

	for (unsigned char i = 0; i < 3; i++) {
		clients[i] = dial(SOCK_DGRAM, &l->relay_datagrams);
		ask(clients[i], 7, i);
		server_hears(l, i, &from[i]);
	}
	for (unsigned char i = 3; i-- > 0;)
		answer_from(l->datagrams, &from[i], 7, i);
	for (unsigned char i = 0; i < 3; i++) {
		client_gets(clients[i], i);
		close(clients[i]);
	}
}

static void only_the_server_can_answer_and_only_what_was_asked(void **state)
{
	const struct lab *l = *state;
	struct sockaddr_in other = { 0 };
	int client = dial(SOCK_DGRAM, &l->relay_datagrams);
	int stranger = bound_socket(SOCK_DGRAM, &other);
	struct sockaddr_in from;

	ask(client, 7, 1);
	server_hears(l, 1, &from);
	answer_from(stranger, &from, 7, 66);
	answer_from(l->datagrams, &from, 8, 67);
	assert_int_equal(sendto(l->datagrams, "\0\7", 2, 0,
				(struct sockaddr *)&from, sizeof(from)),
			 2);
	answer_from(l->datagrams, &from, 7, 1);
	client_gets(client, 1);
	close(stranger);
	close(client);
}

static void what_is_no_query_reaches_nobody(void **state)
{
	const struct lab *l = *state;
	int client = dial(SOCK_DGRAM, &l->relay_datagrams);
	unsigned char message[QUERY_LEN];
	struct sockaddr_in from;

	make_message(message, 7, 66);
	assert_int_equal(send(client, "", 0, 0), 0);
	assert_int_equal(send(client, message, 11, 0), 11);
	message[2] = 0x80; /* an answer */
	assert_int_equal(send(client, message, QUERY_LEN, 0), QUERY_LEN);
	message[2] = 5 << 3; /* an update */
	assert_int_equal(send(client, message, QUERY_LEN, 0), QUERY_LEN);
	ask(client, 7, 1);
	server_hears(l, 1, &from);
	answer_from(l->datagrams, &from, 7, 1);
	client_gets(client, 1);
	close(client);
}

static void too_many_queries_take_the_place_of_the_oldest(void **state)
{
	const struct lab *l = *state;
	struct sockaddr_in from[DNS_RELAY_EXCHANGES_MAX + 1];
	int client = dial(SOCK_DGRAM, &l->relay_datagrams);

	for (unsigned i = 0; i <= DNS_RELAY_EXCHANGES_MAX; i++) {
		ask(client, (uint16_t)i, (unsigned char)i);
		server_hears(l, (unsigned char)i, &from[i]);
	}
	for (unsigned i = 0; i <= DNS_RELAY_EXCHANGES_MAX; i++)
		answer_from(l->datagrams, &from[i], (uint16_t)i,
			    (unsigned char)i);
	for (unsigned i = 1; i <= DNS_RELAY_EXCHANGES_MAX; i++) {
		unsigned char answer[QUERY_LEN];

		assert_int_equal(recv(client, answer, sizeof(answer), 0),
				 QUERY_LEN);
		assert_int_not_equal(answer[QUERY_LEN - 1], 0);
	}
	close(client);
}

static void get(int fd, void *ret, size_t len)
{
	assert_int_equal(recv(fd, ret, len, MSG_WAITALL), len);
}

/* One with its length in front, to or from a stream. */
static void put_message(int fd, const unsigned char *message, uint16_t len)
{
	const unsigned char front[2] = { (unsigned char)(len >> 8),
					 (unsigned char)len };

	assert_int_equal(send(fd, front, 2, 0), 2);
	assert_int_equal(send(fd, message, len, 0), len);
}

static void get_message(int fd, unsigned char *ret, uint16_t len)
{
	unsigned char front[2];

	get(fd, front, 2);
	assert_int_equal(front[0] << 8 | front[1], len);
	get(fd, ret, len);
}

static void queries_in_a_stream_are_answered_one_by_one(void **state)
{
	const struct lab *l = *state;
	static unsigned char answer[DNS_MESSAGE_MAX];
	static unsigned char got[DNS_MESSAGE_MAX];
	unsigned char query[QUERY_LEN];
	int client = dial(SOCK_STREAM, &l->relay_streams);

	for (unsigned char i = 1; i <= 2; i++) {
		make_message(query, 7, i);
		put_message(client, query, QUERY_LEN);
	}
	for (unsigned char i = 1; i <= 2; i++) {
		int server = accept(l->streams, NULL, NULL);

		assert_true(server >= 0);
		limit_wait(server);
		get_message(server, query, QUERY_LEN);
		assert_int_equal(query[QUERY_LEN - 1], i);
		memset(answer, i, sizeof(answer));
		memcpy(answer, (const unsigned char[]){ 0, 7, 0x80 }, 3);
		put_message(server, answer, sizeof(answer));
		get_message(client, got, sizeof(got));
		assert_memory_equal(got, answer, sizeof(answer));
		/* The relay has no more questions on it. */
		assert_int_equal(recv(server, query, 1, 0), 0);
		close(server);
	}
	close(client);
}

static void a_stream_with_anything_else_is_closed(void **state)
{
	const struct lab *l = *state;
	unsigned char query[QUERY_LEN];
	int client = dial(SOCK_STREAM, &l->relay_streams);
	int server;

	make_message(query, 7, 1);
	query[2] = 5 << 3;
	put_message(client, query, QUERY_LEN);
	assert_int_equal(recv(client, query, 1, 0), 0);
	close(client);
	client = dial(SOCK_STREAM, &l->relay_streams);
	make_message(query, 7, 1);
	put_message(client, query, QUERY_LEN);
	server = accept(l->streams, NULL, NULL);
	assert_true(server >= 0);
	limit_wait(server);
	get_message(server, query, QUERY_LEN);
	make_message(query, 8, 1);
	query[2] = 0x80;
	put_message(server, query, QUERY_LEN);
	assert_int_equal(recv(client, query, 1, 0), 0);
	close(server);
	close(client);
}

static void servers_are_addresses(void **state)
{
	struct dns_server s;

	(void)state;
	assert_true(dns_server_parse("::1", DNS_PORT, &s));
	assert_int_equal(s.address.ss_family, AF_INET6);
	assert_int_equal(s.len, sizeof(struct sockaddr_in6));
	assert_false(dns_server_parse("localhost", DNS_PORT, &s));
	assert_false(dns_server_parse("", DNS_PORT, &s));
}

#define RELAY_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(answers_go_to_those_who_asked),
		RELAY_TEST(only_the_server_can_answer_and_only_what_was_asked),
		RELAY_TEST(what_is_no_query_reaches_nobody),
		RELAY_TEST(too_many_queries_take_the_place_of_the_oldest),
		RELAY_TEST(queries_in_a_stream_are_answered_one_by_one),
		RELAY_TEST(a_stream_with_anything_else_is_closed),
		cmocka_unit_test(servers_are_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
