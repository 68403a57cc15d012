#include "registry/send.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/random.h>

#include "registry/url.h"
#include "registry/verdict.h"

void http_tell(const struct http_client *c, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!c->message)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->message(c->ctx, line);
}

int http_wait(const struct http_client *c, int64_t wait_ms, struct error *err)
{
	struct pollfd canceled = {
		.fd = c->cancel ? cancel_fd(c->cancel) : -1,
		.events = POLLIN,
	};

	poll(&canceled, 1, (int)wait_ms);
	return cancel_check(c->cancel, err);
}

int64_t http_backoff(const struct http_client *c, unsigned n)
{
	unsigned random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = n;
	return http_backoff_ms(c->backoff_ms, n, random);
}

/* Why the last attempt is not the final one, for the user. */
static void tell_retry(const struct http_client *c,
		       const struct http_request *rq,
		       const struct http_exchange *x, const struct error *err,
		       int64_t wait_ms)
{
	autofree char *url = url_for_message(rq->url);
	char why[512];

	if (x)
		snprintf(why, sizeof(why), "%d %s", x->status,
			 http_reason(x->status));
	else
		error_message(err, why, sizeof(why));
	http_tell(c, "%s %s: %s; trying again in %.1fs", rq->method,
		  url ? url : "", why, (double)wait_ms / 1000);
}

static enum http_verdict judge(const struct http_exchange *x,
			       enum http_failure failure, int64_t *wait_ms)
{
	struct http_outcome o = { .failure = failure, .now = time(NULL) };

	if (x) {
		o.status = x->status;
		o.retry_after = http_header(&x->headers, "Retry-After");
	}
	return http_judge(&o, wait_ms);
}

int http_send(const struct http_client *c, const struct http_request *rq,
	      unsigned tries, struct http_exchange **ret,
	      enum http_failure *failure, struct error *err)
{
	enum http_failure ignored;

	failure = failure ? failure : &ignored;
	tries = tries ? tries : c->tries;
	for (unsigned attempt = 1;; attempt++) {
		AUTO(http_exchange_free) struct http_exchange *x = NULL;
		int64_t wait_ms;

		*failure = HTTP_OWN_FAULT;
		if (cancel_check(c->cancel, err) < 0)
			return -1;
		*failure = HTTP_NO_FAILURE;
		c->transport->open(c->transport, rq, &x, failure, err);
		if (judge(x, *failure, &wait_ms) != HTTP_RETRY ||
		    attempt >= tries) {
			*ret = steal_pointer(&x);
			if (*ret)
				return 0;
			break;
		}
		if (wait_ms < 0)
			wait_ms = http_backoff(c, attempt);
		tell_retry(c, rq, x, err, wait_ms);
		if (http_wait(c, wait_ms, err) < 0)
			return -1;
	}
	if (*failure != HTTP_OWN_FAULT) {
		autofree char *url = url_for_message(rq->url);

		error_wrap(err, "%s %s", rq->method, url ? url : "");
	}
	return -1;
}
