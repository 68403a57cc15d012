/* The transport against a server that says exactly what a test wants. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "registry/curl_transport.h"

#define STALL_MS 1200

/* What the server does with its connections, one after the other. */
struct say {
	const char *text;
	size_t repeat; /* so many '.' after it */
	bool keep;     /* answer the next request on the same connection */
	bool reset;    /* end with a reset instead of an orderly close */
	bool hang;     /* never end, until the client does */
	bool drip;     /* the same, a byte now and then */
};

struct server {
	int listener;
	int port;
	const struct say *says;
	size_t n;
	pthread_t thread;
	struct buf heard; /* all requests */
	unsigned connections;
};

/* Up to the end of the head, and of the body that it announces. */
static bool hear(struct server *s, int fd)
{
	size_t start = s->heard.len, want = SIZE_MAX;

	while (s->heard.len < want) {
		char data[65536];
		const char *end, *length;
		ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n <= 0)
			return false;
		buf_append(&s->heard, data, (size_t)n);
		end = strstr(s->heard.data + start, "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(s->heard.data + start, "Content-Length: ");
		want = (size_t)(end + 4 - s->heard.data) +
		       (length && length < end ? strtoul(length + 16, NULL, 10)
					       : 0);
	}
	return true;
}

static void send_dots(int fd, size_t n)
{
	char dots[4096];

	memset(dots, '.', sizeof(dots));
	while (n > 0) {
		ssize_t sent =
			send(fd, dots, n < sizeof(dots) ? n : sizeof(dots),
			     MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		n -= (size_t)sent;
	}
}

static void hang_up(int fd, const struct say *say)
{
	struct linger now = { .l_onoff = 1 };
	char waste[64];

	while (say->drip && send(fd, ".", 1, MSG_NOSIGNAL) == 1)
		usleep(50000);
	while (say->hang && recv(fd, waste, sizeof(waste), 0) > 0)
		;
	if (say->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	int fd = -1;

	for (size_t i = 0; i < s->n; i++) {
		const struct say *say = &s->says[i];

		if (fd < 0) {
			fd = accept(s->listener, NULL, NULL);
			s->connections++;
		}
		if (fd < 0 || !hear(s, fd))
			break;
		send(fd, say->text, strlen(say->text), MSG_NOSIGNAL);
		send_dots(fd, say->repeat);
		if (say->keep)
			continue;
		hang_up(fd, say);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void server_start(struct server *s, const struct say *says, size_t n)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t len = sizeof(address);

	*s = (struct server){ .says = says, .n = n };
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (void *)&address, len), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(getsockname(s->listener, (void *)&address, &len), 0);
	s->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	buf_release(&s->heard);
}

static struct http_transport *transport(const struct cancel *cancel)
{
	const struct curl_transport_options options = {
		.cancel = cancel,
		.connect_ms = 5000,
		.stall_ms = STALL_MS,
		.reply_ms = 60000,
	};
	struct http_transport *t = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(curl_transport_new(&options, &t, &err), 0);
	return t;
}

/* One request; the body goes to `got`. -1: `*failure` says why. */
static int ask_on(struct http_transport *t, const struct server *s,
		  const char *method, const struct http_body *body,
		  struct buf *got, enum http_failure *failure)
{
	AUTO(http_exchange_free) struct http_exchange *x = NULL;
	struct error err = ERROR_INIT;
	char url[64];
	const struct http_request rq = { .method = method,
					 .url = url,
					 .body = body };

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", s->port);
	if (t->open(t, &rq, &x, failure, &err) < 0)
		return -1;
	if (http_read_all(x, (size_t)64 << 20, got, &err) < 0) {
		*failure = x->failure;
		return -1;
	}
	return x->status;
}

static int ask(const struct say *says, size_t n, const char *method,
	       struct buf *got, enum http_failure *failure)
{
	struct http_transport *t = transport(NULL);
	struct server s;
	int status;

	server_start(&s, says, n);
	status = ask_on(t, &s, method, NULL, got, failure);
	t->free(t);
	server_end(&s);
	return status;
}

static void a_reply_is_read_whole(void **state)
{
	static const struct say says[] = { { .text = "HTTP/1.1 200 OK\r\n"
						     "Content-Length: 5\r\n\r\n"
						     "hello" } };
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure = HTTP_BROKEN;

	(void)state;
	assert_int_equal(ask(says, 1, "GET", &got, &failure), 200);
	assert_int_equal(failure, HTTP_NO_FAILURE);
	assert_string_equal(got.data, "hello");
}

static void interim_replies_are_passed_over(void **state)
{
	static const struct say says[] = {
		{ .text = "HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n"
			  "HTTP/1.1 103 Early Hints\r\nX: 2\r\n\r\n"
			  "HTTP/1.1 404 Not Found\r\n"
			  "Content-Length: 0\r\n\r\n" }
	};
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure;

	(void)state;
	assert_int_equal(ask(says, 1, "GET", &got, &failure), 404);
}

static void a_large_body_waits_for_its_reader(void **state)
{
	static const struct say says[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n",
		  .repeat = 20000000 }
	};
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure;

	(void)state;
	assert_int_equal(ask(says, 1, "GET", &got, &failure), 200);
	assert_int_equal(got.len, 20000000);
}

static void broken_replies_are_failures(void **state)
{
	static const struct say cases[] = {
		{ .text = "" },
		{ .text = "", .reset = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Le" },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello" },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		  .reset = true },
		{ .text = "HTTP/1.1 200 OK\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" },
		{ .text = "HTTP/1.1 200 OK\r\n"
			  "Transfer-Encoding: chunked\r\n\r\nzz\r\n" },
		{ .text = "SSH-2.0-OpenSSH\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf got = BUF_INIT;
		enum http_failure failure = HTTP_NO_FAILURE;

		if (ask(&cases[i], 1, "GET", &got, &failure) != -1 ||
		    failure != HTTP_BROKEN)
			fail_msg("case %zu: failure %d", i, failure);
	}
}

static void a_header_without_end_is_cut_off(void **state)
{
	static const struct say says[] = { { .text = "HTTP/1.1 200 OK\r\nX: ",
					     .repeat = 1000000 } };
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure;

	(void)state;
	assert_int_equal(ask(says, 1, "GET", &got, &failure), -1);
}

static void a_silent_server_is_given_up(void **state)
{
	static const struct say cases[] = {
		{ .text = "", .hang = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		  .hang = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
		  .drip = true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf got = BUF_INIT;
		enum http_failure failure = HTTP_NO_FAILURE;
		time_t start = time(NULL);

		assert_int_equal(ask(&cases[i], 1, "GET", &got, &failure), -1);
		assert_int_equal(failure, HTTP_STALLED);
		assert_true(time(NULL) - start < 10);
	}
}

/* It takes the connection, but there is no TLS on it. */
static void a_request_may_have_less_time_to_connect(void **state)
{
	static const struct say silence = { .text = "", .hang = true };
	struct http_transport *t = transport(NULL);
	enum http_failure failure = HTTP_NO_FAILURE;
	struct http_exchange *x = NULL;
	struct error err = ERROR_INIT;
	struct server s;
	char url[64];
	const struct http_request rq = { .method = "GET",
					 .url = url,
					 .connect_ms = STALL_MS / 4 };

	(void)state;
	server_start(&s, &silence, 1);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/x", s.port);
	assert_int_equal(t->open(t, &rq, &x, &failure, &err), -1);
	assert_int_equal(failure, HTTP_STALLED);
	/* That is what would be said after STALL_MS. */
	assert_null(strstr(err.text, "no answer"));
	t->free(t);
	server_end(&s);
}

static void nobody_there_is_unreachable(void **state)
{
	struct http_transport *t = transport(NULL);
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure = HTTP_NO_FAILURE;
	const struct server nobody = { .port = 1 };

	(void)state;
	assert_int_equal(ask_on(t, &nobody, "GET", NULL, &got, &failure), -1);
	assert_int_equal(failure, HTTP_UNREACHABLE);
	t->free(t);
}

static void connections_are_used_again(void **state)
{
	static const struct say says[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
		  .keep = true },
		{ .text = "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n",
		  .keep = true },
		{ .text = "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n" },
	};
	struct http_transport *t = transport(NULL);
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure;
	struct server s;

	(void)state;
	server_start(&s, says, 3);
	assert_int_equal(ask_on(t, &s, "GET", NULL, &got, &failure), 200);
	assert_int_equal(ask_on(t, &s, "HEAD", NULL, &got, &failure), 201);
	assert_int_equal(ask_on(t, &s, "POST", NULL, &got, &failure), 202);
	assert_int_equal(s.connections, 1);
	assert_non_null(strstr(s.heard.data, "HEAD /x HTTP/1.1\r\n"));
	/* An empty body is announced as such. */
	assert_non_null(
		strstr(strstr(s.heard.data, "POST"), "Content-Length: 0\r\n"));
	t->free(t);
	server_end(&s);
}

static void strangers_do_not_send_us_to_this_machine(void **state)
{
	static const struct say says[] = {
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		  .keep = true },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
	};
	struct http_transport *t = transport(NULL);
	struct http_exchange *x = NULL;
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;
	enum http_failure failure;
	struct http_request rq = { .method = "GET" };
	struct server s;
	char url[64];

	(void)state;
	server_start(&s, says, 2);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/asked", s.port);
	rq.url = url;
	assert_int_equal(t->open(t, &rq, &x, &failure, &err), 0);
	assert_true(x->local);
	assert_int_equal(http_read_all(x, 1, &got, &err), 0);
	http_exchange_free(x);
	/* The connection that is there already serves no stranger, either. */
	rq.outside = true;
	assert_int_equal(t->open(t, &rq, &x, &failure, &err), -1);
	assert_int_equal(failure, HTTP_OWN_FAULT);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_null(strstr(strstr(s.heard.data, "asked") + 1, "asked"));
	t->free(t);
	server_end(&s);
}

static void a_proxy_is_asked_for_what_is_not_here(void **state)
{
	static const struct say says[] = { { .text = "HTTP/1.1 200 OK\r\n"
						     "Content-Length: 5\r\n\r\n"
						     "proxy" } };
	struct http_transport *t = transport(NULL);
	struct http_exchange *x = NULL;
	const struct http_request rq = { .method = "GET",
					 .url = "http://registry.test/v2/" };
	struct error err = ERROR_INIT;
	enum http_failure failure;
	struct server s;
	char proxy[64];

	(void)state;
	server_start(&s, says, 1);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", s.port);
	setenv("HTTP_PROXY", proxy, 1);
	assert_int_equal(t->open(t, &rq, &x, &failure, &err), 0);
	assert_non_null(
		strstr(s.heard.data, "GET http://registry.test/v2/ HTTP/1.1"));
	http_exchange_free(x);
	t->free(t);
	server_end(&s);
}

static void nothing_here_is_asked_for_through_a_proxy(void **state)
{
	static const struct say says[] = { { .text = "HTTP/1.1 200 OK\r\n"
						     "Content-Length: 6\r\n\r\n"
						     "direct" } };
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	assert_int_equal(ask(says, 1, "GET", &got, &failure), 200);
	assert_string_equal(got.data, "direct");
}

static int forget_proxies(void **state)
{
	(void)state;
	unsetenv("HTTP_PROXY");
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	return unsetenv("http_proxy");
}

/* ---- sending ---- */

struct source {
	const char *data;
	size_t len;
};

static int open_source(void *ctx, struct stream **ret, struct error *err)
{
	const struct source *s = ctx;

	return stream_from_memory(s->data, s->len, ret, err);
}

static void a_body_is_sent_with_its_length(void **state)
{
	static const struct say says[] = {
		{ .text = "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n" }
	};
	struct http_transport *t = transport(NULL);
	AUTO(buf_release) struct buf got = BUF_INIT;
	size_t len = 3000000;
	autofree char *data = malloc(len);
	struct source source = { .data = data, .len = len };
	const struct http_body body = { (int64_t)len, open_source, &source };
	enum http_failure failure;
	struct server s;

	(void)state;
	assert_non_null(data);
	memset(data, 'x', len);
	server_start(&s, says, 1);
	assert_int_equal(ask_on(t, &s, "PUT", &body, &got, &failure), 201);
	assert_non_null(strstr(s.heard.data, "Content-Length: 3000000\r\n"));
	assert_null(strstr(s.heard.data, "Expect:"));
	assert_memory_equal(s.heard.data + s.heard.len - len, data, len);
	t->free(t);
	server_end(&s);
}

static void a_body_of_another_length_is_our_fault(void **state)
{
	static const struct say says[] = {
		{ .text = "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n" }
	};
	static const int64_t announced[] = { 4, 10 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(announced); i++) {
		struct http_transport *t = transport(NULL);
		AUTO(buf_release) struct buf got = BUF_INIT;
		struct source source = { .data = "short", .len = 5 };
		const struct http_body body = { announced[i], open_source,
						&source };
		enum http_failure failure;
		struct server s;

		server_start(&s, says, 1);
		assert_int_equal(ask_on(t, &s, "PUT", &body, &got, &failure),
				 -1);
		assert_int_equal(failure, HTTP_OWN_FAULT);
		/*
		 * Bytes beyond what was announced are never sent; of a body
		 * that ends early the start may have gone out before.
		 */
		if ((size_t)announced[i] < source.len)
			assert_null(strstr(s.heard.data ? s.heard.data : "",
					   "short"));
		t->free(t);
		server_end(&s);
	}
}

static void *cancel_soon(void *ctx)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	cancel_trigger(ctx, SIGINT);
	return NULL;
}

static void waiting_ends_when_canceled(void **state)
{
	static const struct say says[] = { { .text = "", .hang = true } };
	struct cancel *cancel = NULL;
	struct error err = ERROR_INIT;
	struct http_transport *t;
	AUTO(buf_release) struct buf got = BUF_INIT;
	enum http_failure failure;
	pthread_t thread;
	struct server s;

	(void)state;
	assert_int_equal(cancel_new(&cancel, &err), 0);
	t = transport(cancel);
	server_start(&s, says, 1);
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, cancel), 0);
	assert_int_equal(ask_on(t, &s, "GET", NULL, &got, &failure), -1);
	assert_int_equal(failure, HTTP_OWN_FAULT);
	pthread_join(thread, NULL);
	t->free(t);
	server_end(&s);
	cancel_free(cancel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_read_whole),
		cmocka_unit_test(interim_replies_are_passed_over),
		cmocka_unit_test(a_large_body_waits_for_its_reader),
		cmocka_unit_test(broken_replies_are_failures),
		cmocka_unit_test(a_header_without_end_is_cut_off),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(a_request_may_have_less_time_to_connect),
		cmocka_unit_test(nobody_there_is_unreachable),
		cmocka_unit_test(connections_are_used_again),
		cmocka_unit_test(strangers_do_not_send_us_to_this_machine),
		cmocka_unit_test_setup_teardown(
			a_proxy_is_asked_for_what_is_not_here, forget_proxies,
			forget_proxies),
		cmocka_unit_test_setup_teardown(
			nothing_here_is_asked_for_through_a_proxy,
			forget_proxies, forget_proxies),
		cmocka_unit_test(a_body_is_sent_with_its_length),
		cmocka_unit_test(a_body_of_another_length_is_our_fault),
		cmocka_unit_test(waiting_ends_when_canceled),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
