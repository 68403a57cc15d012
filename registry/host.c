#include "registry/host.h"

#include <string.h>

#include "registry/certs.h"
#include "registry/reference.h"

static bool on_loopback(const char *domain)
{
	AUTO(url_release) struct url url = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error ignored = ERROR_INIT;

	buf_printf(&text, "http://%s/", domain);
	return !text.failed && url_parse(text.data, &url, &ignored) == 0 &&
	       url_host_place(url.host) == URL_LOOPBACK;
}

int host_new(const char *domain, const struct host_options *options,
	     struct host **ret, struct error *err)
{
	const struct host_settings *s = options->settings;
	AUTO(host_free) struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return error_nomem(err, "preparing a registry host");
	pthread_mutex_init(&h->lock, NULL);
	h->domain = strdup(domain);
	h->tokens = map_new(host_token_free);
	h->mirror = options->mirror;
	h->insecure = options->insecure || s->insecure || on_loopback(domain);
	h->connect_ms = s->connect_ms;
	h->ns = s->ns ? strdup(s->ns) : NULL;
	strv_append_all(&h->headers, &s->headers);
	if (!h->domain || !h->tokens || h->headers.failed || (s->ns && !h->ns))
		return error_nomem(err, "preparing a registry host");
	if (certs_load(reference_api_host(domain), options->ca_file, s, &h->tls,
		       err) < 0)
		return -1;
	h->tls.unverified = h->insecure;
	*ret = steal_pointer(&h);
	return 0;
}

void host_token_free(void *token)
{
	struct host_token *t = token;

	if (!t)
		return;
	if (t->value)
		explicit_bzero(t->value, strlen(t->value));
	free(t->value);
	free(t);
}

void host_free(struct host *h)
{
	if (!h)
		return;
	free(h->domain);
	http_tls_release(&h->tls);
	strv_release(&h->headers);
	free(h->ns);
	url_release(&h->base);
	challenge_release(&h->challenge);
	map_free(h->tokens);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* One GET /v2/ with this scheme; any HTTP answer will do. */
static int ping(struct host *h, const struct http_client *c, const char *scheme,
		unsigned tries, enum http_failure *failure, struct error *err)
{
	AUTO(http_exchange_free) struct http_exchange *x = NULL;
	AUTO(url_release) struct url url = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct http_request rq = {
		.method = "GET",
		.headers = &h->headers,
		.tls = &h->tls,
		.connect_ms = h->connect_ms,
	};

	*failure = HTTP_OWN_FAULT;
	buf_printf(&text, "%s://%s/v2/", scheme, reference_api_host(h->domain));
	host_add_ns(h, &text);
	if (buf_check(&text, "asking a registry", err) < 0 ||
	    url_parse(text.data, &url, err) < 0)
		return -1;
	rq.url = url.text;
	if (http_send(c, &rq, tries, &x, failure, err) < 0)
		return -1;
	if (x->status == 401 &&
	    challenge_pick(&x->headers, &h->challenge, err) < 0)
		return -1;
	h->base = url;
	h->here = x->local || url_host_place(url.host) == URL_LOOPBACK;
	url = (struct url){ 0 };
	return 0;
}

/* Where plain HTTP will do, a server that speaks no TLS says so quickly. */
static int connect_insecure(struct host *h, const struct http_client *c,
			    struct error *err)
{
	enum http_failure failure;

	for (unsigned attempt = 1;; attempt++) {
		if (ping(h, c, "https", 1, &failure, err) == 0)
			return 0;
		if (failure == HTTP_OWN_FAULT)
			return -1;
		if (ping(h, c, "http", 1, &failure, err) == 0)
			return 0;
		if (failure == HTTP_OWN_FAULT || attempt == c->tries)
			return -1;
		if (http_wait(c, http_backoff(c, attempt), err) < 0)
			return -1;
	}
}

static int connect_secure(struct host *h, const struct http_client *c,
			  struct error *err)
{
	enum http_failure failure;

	if (ping(h, c, "https", 0, &failure, err) == 0)
		return 0;
	if (failure == HTTP_UNTRUSTED)
		error_wrap(err,
			   "%s is not trusted; name its CA, or allow it "
			   "as insecure",
			   h->domain);
	else if (failure == HTTP_NO_TLS)
		error_wrap(err,
			   "%s does not speak TLS; allow it as insecure "
			   "if that is meant",
			   h->domain);
	return -1;
}

int host_connect(struct host *h, const struct http_client *c, struct error *err)
{
	struct http_client hasty = *c;
	int failed = 0;

	/* A host never heard of is more likely mistyped than busy. */
	hasty.tries = c->tries < 3 ? c->tries : 3;
	hasty.backoff_ms = c->backoff_ms / 4;
	pthread_mutex_lock(&h->lock);
	if (!h->connected) {
		failed = h->insecure ? connect_insecure(h, &hasty, err)
				     : connect_secure(h, &hasty, err);
		h->connected = !failed;
	}
	pthread_mutex_unlock(&h->lock);
	return failed;
}

void host_add_ns(const struct host *h, struct buf *url)
{
	if (h->ns)
		url_add_query(url, "ns", h->ns);
}

/* "X" of "X: y". */
static bool has_field(const struct strv *fields, const char *line)
{
	char name[256];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, ":"), line);
	return http_header(fields, name);
}

void host_add_headers(const struct host *h, struct strv *fields)
{
	AUTO(strv_release) struct strv missing = STRV_INIT;

	for (size_t i = 0; i < h->headers.len; i++)
		if (!has_field(fields, h->headers.items[i]))
			strv_append(&missing, h->headers.items[i]);
	strv_append_all(fields, &missing);
	fields->failed |= missing.failed;
}

bool host_is_stranger(const struct host *h, const struct url *to)
{
	return !h->here && strcmp(to->host, h->base.host) != 0;
}

int host_check_place(const struct host *h, const struct url *to,
		     const char *what, struct error *err)
{
	if (url_may_lead(h->base.host, h->here, to))
		return 0;
	return error_set(err, ERROR_REFUSED,
			 "%s %s on a local address, '%s'; nothing was sent "
			 "there",
			 h->domain, what, to->authority);
}
