#include "registry/curl_transport.h"

#include <curl/curl.h>
#include <string.h>
#include <time.h>

#include "registry/curl_library.h"
#include "registry/curl_line.h"
#include "registry/printable.h"
#include "registry/url.h"

#define INPUT_SIZE   ((size_t)512 << 10) /* body bytes held for the reader */
#define CURL_CHUNK   ((size_t)128 << 10)
#define STALL_BYTES  1024
#define HEADERS_MAX  ((size_t)256 << 10)
#define POLL_STEP_MS 1000

struct curl_transport {
	struct http_transport base;
	struct curl_transport_options options;
	const char *system_ca; /* CA file to be used, or NULL */
	struct line_pool pool;
};

struct curl_exchange {
	struct http_exchange base;
	struct curl_transport *transport;
	struct line *line;
	struct curl_slist *fields;
	char message[CURL_ERROR_SIZE];

	/* The request's body. */
	struct stream *body;
	int64_t body_left; /* -1: the stream tells by ending */
	bool sending;	   /* part of the body is still to be sent */

	/* The reply. */
	bool head_done;
	bool ended;
	CURLcode result; /* once ended */
	bool paused;
	size_t headers_size;
	char *input; /* INPUT_SIZE bytes; filled from start to end */
	size_t input_start, input_end;

	bool changes; /* something over there, which may take its time */
	bool outside; /* see http_request */
	bool direct;  /* no proxy between here and the server */
	bool faulty;  /* `fault` is why a callback gave up */
	struct error fault;

	/* For stalls: bytes in either direction, and patience since. */
	uint64_t moved;
	uint64_t moved_before;
	int64_t waited_ms;
};

/* From here on the peer has all of its time again. */
static void be_patient(struct curl_exchange *x)
{
	x->moved_before = x->moved;
	x->waited_ms = 0;
}

/* ---- callbacks ---- */

static size_t on_header(char *data, size_t one, size_t len, void *ctx)
{
	struct curl_exchange *x = ctx;
	long status = 0;
	size_t text;

	(void)one;
	x->moved += len;
	x->headers_size += len;
	if (x->headers_size > HEADERS_MAX)
		return 0;
	if (len >= 5 && !strncmp(data, "HTTP/", 5)) {
		/* The reply after an interim one starts over. */
		strv_release(&x->base.headers);
		return len;
	}
	for (text = len; text > 0 && strchr("\r\n \t", data[text - 1]);)
		text--;
	if (text > 0) {
		strv_append_len(&x->base.headers, data, text);
		return len;
	}
	curl_easy_getinfo(x->line->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) {
		x->base.status = (int)status;
		x->head_done = true;
		be_patient(x);
	}
	return len;
}

/* Take all or, by pausing, nothing: curl offers the same bytes again. */
static size_t on_input(char *data, size_t one, size_t len, void *ctx)
{
	struct curl_exchange *x = ctx;

	(void)one;
	if (x->input_start == x->input_end)
		x->input_start = x->input_end = 0;
	if (len > INPUT_SIZE - x->input_end) {
		x->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(x->input + x->input_end, data, len);
	x->input_end += len;
	x->moved += len;
	return len;
}

/*
 * With its last bytes the stream must be at its end: what it verifies it
 * verifies there, before the server can have taken the body for whole.
 */
static int check_end(struct curl_exchange *x)
{
	char more;
	ssize_t n = stream_read(x->body, &more, 1, &x->fault);

	if (n > 0)
		error_set(&x->fault, ERROR_INTEGRITY,
			  "what is to be sent is longer than announced");
	return n == 0 ? 0 : -1;
}

static size_t give_up_sending(struct curl_exchange *x)
{
	x->faulty = true;
	return CURL_READFUNC_ABORT;
}

/* A body of unknown length, in chunks as HTTP/1.1 has them. */
static size_t output_until_end(struct curl_exchange *x, char *data, size_t len)
{
	ssize_t n = stream_read(x->body, data, len, &x->fault);

	if (n < 0)
		return give_up_sending(x);
	x->moved += (uint64_t)n;
	x->sending = n > 0;
	return (size_t)n;
}

static size_t on_output(char *data, size_t one, size_t room, void *ctx)
{
	struct curl_exchange *x = ctx;
	size_t len = room * one;
	ssize_t n;

	if (x->body_left < 0)
		return output_until_end(x, data, len);
	if ((int64_t)len > x->body_left)
		len = (size_t)x->body_left;
	if (!len)
		return 0;
	n = stream_read(x->body, data, len, &x->fault);
	if (n == 0)
		error_set(&x->fault, ERROR_INTEGRITY,
			  "what is to be sent is shorter than announced");
	if (n <= 0 || (n == x->body_left && check_end(x) < 0))
		return give_up_sending(x);
	x->body_left -= n;
	x->moved += (uint64_t)n;
	x->sending = x->body_left > 0;
	return (size_t)n;
}

/*
 * Connected, be it just now or for an earlier exchange, and about to send. A
 * name may stand for any address, and for another one each time it is looked
 * up, so this is the place to look.
 */
static int on_connected(void *ctx, char *peer, char *own, int peer_port,
			int own_port)
{
	struct curl_exchange *x = ctx;
	enum url_place place = url_host_place(peer);

	(void)own;
	(void)peer_port;
	(void)own_port;
	if (!x->direct)
		return CURL_PREREQFUNC_OK;
	x->base.local = place == URL_LOOPBACK;
	if (!x->outside || place == URL_ELSEWHERE)
		return CURL_PREREQFUNC_OK;
	x->faulty = true;
	error_set(&x->fault, ERROR_REFUSED,
		  "its name stands for a local address, %s; nothing was sent "
		  "there",
		  peer);
	return CURL_PREREQFUNC_ABORT;
}

/* ---- driving a transfer ---- */

static enum http_failure failure_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_NO_FAILURE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HTTP_UNRESOLVED;
	case CURLE_COULDNT_CONNECT:
		return HTTP_UNREACHABLE;
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_NO_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return HTTP_UNTRUSTED;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_STALLED;
	case CURLE_OUT_OF_MEMORY:
		return HTTP_OWN_FAULT;
	default:
		return HTTP_BROKEN;
	}
}

/* Tell why the transfer ended badly. Returns -1. */
static int fail(struct curl_exchange *x, struct error *err)
{
	const char *text = x->message;
	char clean[CURL_ERROR_SIZE];

	x->base.failure = failure_of(x->result);
	if (x->result == CURLE_OK) /* over before it began */
		x->base.failure = HTTP_BROKEN;
	if (x->faulty) {
		x->base.failure = HTTP_OWN_FAULT;
		*err = x->fault;
		return -1;
	}
	/* curl says the same of a line longer than it takes. */
	if (x->result == CURLE_OUT_OF_MEMORY)
		return error_set(err, ERROR_NOMEM,
				 "out of memory, or a reply header too long");
	/* curl would have sent the body once more, from its start. */
	if (x->result == CURLE_SEND_FAIL_REWIND)
		text = "the connection was lost";
	if (!*text)
		text = curl_easy_strerror(x->result);
	printable(clean, sizeof(clean), text, strlen(text));
	return error_set(err, ERROR_NETWORK, "%s", clean);
}

static int fail_own(struct curl_exchange *x)
{
	x->base.failure = HTTP_OWN_FAULT;
	return -1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Let curl work; notes when the transfer has ended. */
static int step(struct curl_exchange *x, struct error *err)
{
	CURLMsg *message;
	int running, left;

	if (curl_multi_perform(x->line->multi, &running) != CURLM_OK) {
		fail_own(x);
		return error_nomem(err, "talking to a server");
	}
	while ((message = curl_multi_info_read(x->line->multi, &left)))
		if (message->msg == CURLMSG_DONE) {
			x->ended = true;
			x->result = message->data.result;
		}
	/* Failed appends of headers show here, once. */
	if (strv_check(&x->base.headers, "reading a reply", err) < 0)
		return fail_own(x);
	return 0;
}

static int wait_for_network(struct curl_exchange *x, struct error *err)
{
	const struct cancel *cancel = x->transport->options.cancel;
	struct curl_waitfd canceled = { .events = CURL_WAIT_POLLIN };
	int64_t since_ms = now_ms();

	if (cancel) {
		canceled.fd = cancel_fd(cancel);
		curl_multi_poll(x->line->multi, &canceled, 1, POLL_STEP_MS,
				NULL);
	} else {
		curl_multi_poll(x->line->multi, NULL, 0, POLL_STEP_MS, NULL);
	}
	/* Only this counts: a slow reader of ours is no stall. */
	x->waited_ms += now_ms() - since_ms;
	return cancel_check(cancel, err) < 0 ? fail_own(x) : 0;
}

static int check_stall(struct curl_exchange *x, struct error *err)
{
	const struct curl_transport_options *o = &x->transport->options;
	bool waiting = x->base.status == 0 && !x->sending && x->changes;
	int64_t limit = waiting ? o->reply_ms : o->stall_ms;

	if (x->moved - x->moved_before >= STALL_BYTES)
		be_patient(x);
	if (x->waited_ms < limit)
		return 0;
	x->base.failure = HTTP_STALLED;
	return error_set(err, ERROR_NETWORK,
			 "no answer for %lld seconds, giving up",
			 (long long)(limit / 1000));
}

/* Until the head is there, or (`body`) some of the body, or all is over. */
static int drive(struct curl_exchange *x, bool body, struct error *err)
{
	for (;;) {
		if (step(x, err) < 0)
			return -1;
		if (x->ended || (x->head_done && !body) ||
		    (body && x->input_start < x->input_end))
			return 0;
		if (check_stall(x, err) < 0 || wait_for_network(x, err) < 0)
			return -1;
	}
}

static ssize_t exchange_read(struct http_exchange *base, void *data, size_t len,
			     struct error *err)
{
	struct curl_exchange *x = (struct curl_exchange *)base;
	size_t have;

	if (x->input_start == x->input_end && x->paused) {
		x->paused = false;
		curl_easy_pause(x->line->easy, CURLPAUSE_CONT);
	}
	if (x->input_start == x->input_end && !x->ended &&
	    drive(x, true, err) < 0)
		return -1;
	have = x->input_end - x->input_start;
	if (!have)
		return x->result == CURLE_OK ? 0 : fail(x, err);
	if (len > have)
		len = have;
	memcpy(data, x->input + x->input_start, len);
	x->input_start += len;
	return (ssize_t)len;
}

static void exchange_free(struct http_exchange *base)
{
	struct curl_exchange *x = (struct curl_exchange *)base;

	if (x->line) {
		curl_multi_remove_handle(x->line->multi, x->line->easy);
		line_put(&x->transport->pool, x->line);
	}
	curl_slist_free_all(x->fields);
	stream_free(x->body);
	strv_release(&x->base.headers);
	free(x->input);
	free(x);
}

/* ---- setting up ---- */

static int add_field(struct curl_exchange *x, const char *field)
{
	struct curl_slist *longer = curl_slist_append(x->fields, field);

	if (!longer)
		return -1;
	x->fields = longer;
	return 0;
}

static int set_fields(struct curl_exchange *x, const struct http_request *rq)
{
	/* Waiting for "100 Continue" costs a second where it never comes. */
	if (add_field(x, "Expect:") < 0)
		return -1;
	for (size_t i = 0; rq->headers && i < rq->headers->len; i++)
		if (add_field(x, rq->headers->items[i]) < 0)
			return -1;
	curl_easy_setopt(x->line->easy, CURLOPT_HTTPHEADER, x->fields);
	return 0;
}

/*
 * Further CAs come on top of the system's: curl takes a file or a block of
 * memory, so with the latter the directory of hashed names must serve.
 */
static void set_tls(struct curl_exchange *x, const struct http_tls *tls)
{
	const char *system_ca = x->transport->system_ca;
	const char *dir = getenv("SSL_CERT_DIR");
	CURL *easy = x->line->easy;
	struct curl_blob blob = { .flags = CURL_BLOB_COPY };

	if (system_ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, system_ca);
	if (dir && *dir)
		curl_easy_setopt(easy, CURLOPT_CAPATH, dir);
	if (!tls)
		return;
	if (tls->ca_pem) {
		blob.data = tls->ca_pem;
		blob.len = strlen(tls->ca_pem);
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (tls->unverified) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (tls->client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->client_key);
	}
}

static void set_method(struct curl_exchange *x, const struct http_request *rq)
{
	CURL *easy = x->line->easy;

	if (!strcmp(rq->method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, rq->method);
	if (rq->body) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)rq->body->size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_output);
		curl_easy_setopt(easy, CURLOPT_READDATA, x);
	} else if (strcmp(rq->method, "GET") != 0) {
		/* An empty body still announces its length. */
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
	}
}

/* Does the environment name a proxy? (What NO_PROXY excepts, it says, too.) */
static bool has_proxy(bool https)
{
	static const char *const names[][2] = { { "http_proxy", "HTTP_PROXY" },
						{ "https_proxy",
						  "HTTPS_PROXY" },
						{ "all_proxy", "ALL_PROXY" } };

	for (size_t i = 0; i < 2; i++) {
		const char *own = getenv(names[https][i]);
		const char *any = getenv(names[2][i]);

		if ((own && *own) || (any && *any))
			return true;
	}
	return false;
}

/*
 * curl reads the environment, but leaves HTTP_PROXY to servers that run CGI
 * programs, where a request can set it; and it would ask a proxy for what is
 * on this very machine.
 */
static void set_proxy(struct curl_exchange *x, const char *text)
{
	AUTO(url_release) struct url url = { 0 };
	const char *upper = getenv("HTTP_PROXY");
	struct error ignored = ERROR_INIT;
	CURL *easy = x->line->easy;

	if (url_parse(text, &url, &ignored) < 0)
		return;
	x->direct = url_host_place(url.host) == URL_LOOPBACK ||
		    !has_proxy(url.https);
	if (url_host_place(url.host) == URL_LOOPBACK)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	else if (!url.https && upper && !getenv("http_proxy"))
		curl_easy_setopt(easy, CURLOPT_PROXY, upper);
}

static void set_common(struct curl_exchange *x, const struct http_request *rq)
{
	CURL *easy = x->line->easy;

	curl_easy_setopt(easy, CURLOPT_URL, rq->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	/* Blobs run in parallel, each on its own connection, at full speed. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_CHUNK);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)CURL_CHUNK);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)x->transport->options.connect_ms);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "shale/" SHALE_VERSION);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->message);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_input);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
}

static int prepare(struct curl_exchange *x, const struct http_request *rq,
		   struct error *err)
{
	x->input = malloc(INPUT_SIZE);
	x->line = line_get(&x->transport->pool, rq->url);
	if (!x->input || !x->line)
		return error_nomem(err, "talking to a server");
	if (rq->body && rq->body->open(rq->body->ctx, &x->body, err) < 0)
		return -1;
	x->body_left = rq->body ? rq->body->size : 0;
	x->sending = x->body_left != 0;
	set_common(x, rq);
	set_proxy(x, rq->url);
	set_method(x, rq);
	set_tls(x, rq->tls);
	if (set_fields(x, rq) < 0 ||
	    curl_multi_add_handle(x->line->multi, x->line->easy) != CURLM_OK)
		return error_nomem(err, "talking to a server");
	return 0;
}

static int transport_open(struct http_transport *base,
			  const struct http_request *rq,
			  struct http_exchange **ret,
			  enum http_failure *failure, struct error *err)
{
	struct curl_exchange *x = calloc(1, sizeof(*x));

	*failure = HTTP_OWN_FAULT;
	if (curl_library_load(err) < 0) {
		free(x);
		return -1;
	}
	if (!x)
		return error_nomem(err, "talking to a server");
	x->base.read = exchange_read;
	x->base.free = exchange_free;
	x->transport = (struct curl_transport *)base;
	x->changes = strcmp(rq->method, "GET") && strcmp(rq->method, "HEAD");
	x->outside = rq->outside;
	if (prepare(x, rq, err) < 0) {
		exchange_free(&x->base);
		return -1;
	}
	if (drive(x, false, err) < 0 || (!x->head_done && fail(x, err) < 0)) {
		*failure = x->base.failure;
		exchange_free(&x->base);
		return -1;
	}
	*failure = HTTP_NO_FAILURE;
	*ret = &x->base;
	return 0;
}

static void transport_free(struct http_transport *base)
{
	struct curl_transport *t = (struct curl_transport *)base;

	line_pool_release(&t->pool);
	free(t);
}

int curl_transport_new(const struct curl_transport_options *options,
		       struct http_transport **ret, struct error *err)
{
	struct curl_transport *t = calloc(1, sizeof(*t));
	const char *file = getenv("SSL_CERT_FILE");

	if (!t)
		return error_nomem(err, "preparing HTTP");
	t->base.open = transport_open;
	t->base.free = transport_free;
	t->options = *options;
	t->system_ca = file && *file ? file : NULL;
	line_pool_init(&t->pool);
	*ret = &t->base;
	return 0;
}
