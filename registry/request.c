#include "registry/request.h"

#include <string.h>

#include "registry/reply_error.h"
#include "registry/verdict.h"

#define MAX_REDIRECTS 10

/* A request on its way. */
struct journey {
	struct registry *r;
	struct host *h;
	const struct request *rq;
	struct url url;		    /* where it goes now */
	struct authorization shown; /* to the registry's origin */
	unsigned challenges;	    /* answered so far */
	unsigned redirects;
};

void reply_release(struct reply *reply)
{
	http_exchange_free(reply->x);
	url_release(&reply->url);
	*reply = (struct reply){ 0 };
}

static void journey_release(struct journey *j)
{
	authorization_release(&j->shown);
	url_release(&j->url);
}
DEFINE_RELEASE(struct journey, journey_release);

static bool at_registry(const struct journey *j)
{
	return url_same_origin(&j->url, &j->h->base);
}

static int set_out(struct journey *j, struct error *err)
{
	const struct request *rq = j->rq;
	AUTO(buf_release) struct buf to = BUF_INIT;

	buf_append_str(&to, rq->path ? rq->path : rq->url->text);
	if (rq->path)
		host_add_ns(j->h, &to);
	if (buf_check(&to, "preparing a request", err) < 0 ||
	    host_connect(j->h, &j->r->http, err) < 0 ||
	    url_resolve(&j->h->base, to.data, &j->url, err) < 0)
		return -1;
	return host_check_place(j->h, &j->url, "names a place for an upload",
				err);
}

/* What to trust depends on who is asked, not on who sent us there. */
static int tls_for(struct journey *j, const struct http_tls **ret,
		   struct error *err)
{
	struct host *h = j->h;

	if (!at_registry(j) && client_host(j->r, j->url.authority, &h, err) < 0)
		return -1;
	*ret = &h->tls;
	return 0;
}

static int send_once(struct journey *j, struct http_exchange **ret,
		     struct error *err)
{
	AUTO(strv_release) struct strv fields = STRV_INIT;
	struct http_request http = {
		.method = j->rq->method,
		.url = j->url.text,
		.headers = &fields,
		.body = j->rq->body,
		.outside = host_is_stranger(j->h, &j->url),
	};

	if (j->rq->fields)
		strv_append_all(&fields, j->rq->fields);
	if (at_registry(j)) {
		if (j->shown.line)
			strv_append(&fields, j->shown.line);
		host_add_headers(j->h, &fields);
		http.connect_ms = j->h->connect_ms;
	}
	if (strv_check(&fields, "preparing a request", err) < 0 ||
	    tls_for(j, &http.tls, err) < 0)
		return -1;
	return http_send(&j->r->http, &http, j->rq->tries, ret, NULL, err);
}

/* A redirect may change the server, but not lower the guard. */
static int check_redirect(const struct journey *j, const struct url *to,
			  struct error *err)
{
	if (j->url.https && !to->https && !j->rq->by_digest && !j->h->insecure)
		return error_set(err, ERROR_REFUSED,
				 "%s redirects to plain HTTP, '%s'",
				 j->url.authority, to->authority);
	return host_check_place(j->h, to, "redirects to a server", err);
}

static bool may_redirect(const struct request *rq, int status)
{
	return status == 307 || status == 308 || !strcmp(rq->method, "GET") ||
	       !strcmp(rq->method, "HEAD");
}

static int follow(struct journey *j, struct http_exchange *x, struct error *err)
{
	AUTO(url_release) struct url to = { 0 };
	const char *location = http_header(&x->headers, "Location");

	if (!location || !may_redirect(j->rq, x->status))
		return reply_error(x, j->rq->method, j->url.text, err);
	if (j->redirects++ == MAX_REDIRECTS)
		return error_set(err, ERROR_REFUSED,
				 "%s %s: more than %d redirects", j->rq->method,
				 j->url.authority, MAX_REDIRECTS);
	if (url_resolve(&j->url, location, &to, err) < 0 ||
	    check_redirect(j, &to, err) < 0)
		return -1;
	url_release(&j->url);
	j->url = to;
	to = (struct url){ 0 };
	return 0;
}

static int denied(struct journey *j, struct http_exchange *x, struct error *err)
{
	reply_error(x, j->rq->method, j->url.text, err);
	if (err->kind != ERROR_AUTH || !at_registry(j))
		return -1;
	pthread_mutex_lock(&j->h->lock);
	if (*j->h->problem)
		error_wrap(err, "%s", j->h->problem);
	pthread_mutex_unlock(&j->h->lock);
	if (j->shown.anonymous)
		return error_wrap(err, "no credentials for %s", j->h->domain);
	return error_wrap(err, "%s refused the credentials", j->h->domain);
}

/*
 * Answer a 401, twice at most: the first may ask for what was never asked
 * before, or say that a token has expired; the second that it grants less
 * than is needed.
 */
static int answer_challenge(struct journey *j, struct http_exchange *x,
			    struct error *err)
{
	AUTO(challenge_release) struct challenge asked = { 0 };
	AUTO(authorization_release) struct authorization better = { 0 };

	if (!at_registry(j) || j->challenges++ == 2)
		return denied(j, x, err);
	if (challenge_pick(&x->headers, &asked, err) < 0)
		return -1;
	if (asked.scheme == CHALLENGE_NONE)
		return denied(j, x, err);
	if (authorize(j->r, j->h, &j->rq->access, &asked, &better, err) < 0)
		return -1;
	if (!better.line ||
	    (j->shown.line && !strcmp(better.line, j->shown.line)))
		return denied(j, x, err);
	authorization_release(&j->shown);
	j->shown = better;
	better = (struct authorization){ 0 };
	return 0;
}

/* 1: `x` is the answer; 0: go on; -1: it failed. */
static int judge(struct journey *j, struct http_exchange *x, struct error *err)
{
	struct http_outcome outcome = {
		.status = x->status,
		.retry_after = http_header(&x->headers, "Retry-After"),
		.now = time(NULL),
	};
	struct refusal refusal = { .status = x->status };

	if (j->rq->answer == x->status)
		return 1;
	switch (http_judge(&outcome, &refusal.wait_ms)) {
	case HTTP_DONE:
		return 1;
	case HTTP_REDIRECT:
		return follow(j, x, err);
	case HTTP_AUTHENTICATE:
		return answer_challenge(j, x, err);
	default:
		if (j->rq->refusal)
			*j->rq->refusal = refusal;
		return denied(j, x, err);
	}
}

/* Ask once more: 1 with the answer in `*ret`; 0: go on; -1: it failed. */
static int go_on(struct journey *j, struct reply *ret, struct error *err)
{
	AUTO(http_exchange_free) struct http_exchange *x = NULL;
	int verdict;

	if (send_once(j, &x, err) < 0)
		return -1;
	if (at_registry(j))
		client_warn(j->r, j->h, &x->headers);
	verdict = judge(j, x, err);
	if (verdict > 0) {
		ret->x = steal_pointer(&x);
		ret->url = j->url;
		j->url = (struct url){ 0 };
	}
	return verdict;
}

int request_send(struct registry *r, struct host *h, const struct request *rq,
		 struct reply *ret, struct error *err)
{
	AUTO(journey_release)
	struct journey j = { .r = r, .h = h, .rq = rq };
	int verdict = 0;

	if (set_out(&j, err) < 0 ||
	    authorize(r, h, &rq->access, NULL, &j.shown, err) < 0)
		return -1;
	while (!verdict)
		verdict = go_on(&j, ret, err);
	return verdict < 0 ? -1 : 0;
}
