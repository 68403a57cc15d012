#include "registry/curl_transport.h"

#include <string.h>
#include <time.h>

#include "registry/curl_internal.h"
#include "registry/curl_library.h"
#include "registry/printable.h"

#define STALL_BYTES  1024
#define POLL_STEP_MS 1000

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

/* ---- opening ---- */

static int prepare(struct curl_exchange *x, const struct http_request *rq,
		   struct error *err)
{
	x->input = malloc(CURL_INPUT_SIZE);
	x->line = line_get(&x->transport->pool, rq->url);
	if (!x->input || !x->line)
		return error_nomem(err, "talking to a server");
	if (rq->body && rq->body->open(rq->body->ctx, &x->body, err) < 0)
		return -1;
	x->body_left = rq->body ? rq->body->size : 0;
	x->sending = x->body_left != 0;
	curl_callbacks_set(x);
	if (curl_request_set(x, rq) < 0 ||
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
