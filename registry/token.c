#include "registry/token.h"

#include <string.h>
#include <time.h>

#include "registry/base64.h"
#include "registry/reply_error.h"
#include "store/base/json.h"

#define REPLY_MAX	  ((size_t)1 << 20)
#define TOKEN_MAX	  ((size_t)64 << 10)
#define DEFAULT_EXPIRES_S 60
#define LONGEST_EXPIRES_S (24 * 3600)
#define CLIENT_ID	  "shale"

static int64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* ---- replies ---- */

/* It becomes a header field: one word of printable characters. */
static bool is_sendable(const char *token)
{
	size_t len = strlen(token);

	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return len > 0 && len <= TOKEN_MAX;
}

int token_parse(const char *data, size_t len, char **token,
		char **refresh_token, int64_t *expires_s, struct error *err)
{
	AUTO(json_decref)
	json_t *reply = json_parse(data, len, "the token reply", err);
	const char *value, *refresh;
	autofree char *copy = NULL;

	if (!reply)
		return -1;
	value = json_get_string(reply, "token");
	if (!value || !*value)
		value = json_get_string(reply, "access_token");
	if (!value || !is_sendable(value))
		return error_set(err, ERROR_AUTH,
				 "the token reply holds no usable token");
	refresh = json_get_string(reply, "refresh_token");
	copy = strdup(value);
	*refresh_token = refresh ? strdup(refresh) : NULL;
	if (!copy || (refresh && !*refresh_token))
		return error_nomem(err, "reading a token");
	*token = steal_pointer(&copy);
	*expires_s = json_get_int(reply, "expires_in", 0);
	if (*expires_s <= 0)
		*expires_s = DEFAULT_EXPIRES_S;
	if (*expires_s > LONGEST_EXPIRES_S)
		*expires_s = LONGEST_EXPIRES_S;
	return 0;
}

/* ---- the realm ---- */

static int check_realm(const struct host *h, const char *text, struct url *ret,
		       struct error *err)
{
	if (url_parse(text, ret, err) < 0)
		return error_wrap(err, "token server of %s", h->domain);
	if (!ret->https && h->base.https)
		return error_set(err, ERROR_REFUSED,
				 "%s names a token server without TLS, '%s'; "
				 "nothing was sent there",
				 h->domain, ret->authority);
	return host_check_place(h, ret, "names a token server", err);
}

/* ---- requests ---- */

static void add_field(struct buf *form, const char *key, const char *value)
{
	if (form->len)
		buf_append_char(form, '&');
	buf_printf(form, "%s=", key);
	url_escape(form, value);
}

static char *join_scopes(const struct strv *scopes)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < scopes->len; i++)
		buf_printf(&out, "%s%s", i ? " " : "", scopes->items[i]);
	return buf_steal(&out);
}

static void add_basic(struct strv *headers, const struct credential *c)
{
	struct buf line = BUF_INIT, plain = BUF_INIT;

	buf_printf(&plain, "%s:%s", c->username,
		   c->password ? c->password : "");
	buf_append_str(&line, "Authorization: Basic ");
	if (!plain.failed)
		base64_encode(plain.data, plain.len, &line);
	line.failed = line.failed || plain.failed;
	if (plain.data)
		explicit_bzero(plain.data, plain.len);
	buf_release(&plain);
	strv_take(headers, buf_steal(&line));
}

/* What is sent: a URL, header fields and, for POST, a form. */
struct call {
	struct buf url;
	struct buf form;
	struct strv headers;
};

static void call_release(struct call *call)
{
	if (call->form.data)
		explicit_bzero(call->form.data, call->form.len);
	buf_release(&call->url);
	buf_release(&call->form);
	strv_release(&call->headers);
}
DEFINE_RELEASE(struct call, call_release);

static int prepare_get(const struct token_request *rq, const struct url *realm,
		       struct call *call, struct error *err)
{
	const struct credential *c = rq->credential;

	buf_append_str(&call->url, realm->text);
	if (rq->challenge->service)
		url_add_query(&call->url, "service", rq->challenge->service);
	for (size_t i = 0; i < rq->scopes->len; i++)
		url_add_query(&call->url, "scope", rq->scopes->items[i]);
	if (c->username) {
		url_add_query(&call->url, "account", c->username);
		add_basic(&call->headers, c);
	}
	return buf_check(&call->url, "asking for a token", err);
}

static int prepare_post(const struct token_request *rq, const struct url *realm,
			struct call *call, struct error *err)
{
	autofree char *scopes = join_scopes(rq->scopes);

	buf_append_str(&call->url, realm->text);
	add_field(&call->form, "grant_type", "refresh_token");
	add_field(&call->form, "refresh_token", rq->credential->identity_token);
	if (rq->challenge->service)
		add_field(&call->form, "service", rq->challenge->service);
	add_field(&call->form, "client_id", CLIENT_ID);
	if (scopes && *scopes)
		add_field(&call->form, "scope", scopes);
	add_field(&call->form, "access_type", "offline");
	strv_append(&call->headers,
		    "Content-Type: application/x-www-form-urlencoded");
	if (!scopes || call->url.failed || call->form.failed)
		return error_nomem(err, "asking for a token");
	return 0;
}

static int open_form(void *ctx, struct stream **ret, struct error *err)
{
	const struct buf *form = ctx;

	return stream_from_memory(form->data, form->len, ret, err);
}

static int exchange(const struct host *h, const struct http_client *c,
		    const struct http_tls *tls, const struct url *realm,
		    struct call *call, struct http_exchange **ret,
		    struct error *err)
{
	struct http_body body = { .size = (int64_t)call->form.len,
				  .open = open_form,
				  .ctx = &call->form };
	struct http_request rq = {
		.method = call->form.len ? "POST" : "GET",
		.url = call->url.data,
		.headers = &call->headers,
		.tls = tls,
		.body = call->form.len ? &body : NULL,
		.outside = host_is_stranger(h, realm),
	};

	if (url_same_origin(realm, &h->base))
		host_add_headers(h, &call->headers);
	if (strv_check(&call->headers, "asking for a token", err) < 0)
		return -1;
	return http_send(c, &rq, 0, ret, NULL, err);
}

/* An identity token has only POST; a server without it takes passwords. */
static bool post_is_missing(int status)
{
	return status == 400 || status == 401 || status == 404 || status == 405;
}

static int ask(const struct host *h, const struct http_client *c,
	       const struct token_request *rq, const struct url *realm,
	       struct http_exchange **ret, struct error *err)
{
	AUTO(http_exchange_free) struct http_exchange *x = NULL;
	AUTO(call_release) struct call post = { 0 }, get = { 0 };
	const struct credential *cred = rq->credential;

	if (cred->identity_token) {
		if (prepare_post(rq, realm, &post, err) < 0 ||
		    exchange(h, c, rq->tls, realm, &post, &x, err) < 0)
			return -1;
		if (!post_is_missing(x->status) || !cred->password) {
			*ret = steal_pointer(&x);
			return 0;
		}
	}
	if (prepare_get(rq, realm, &get, err) < 0)
		return -1;
	return exchange(h, c, rq->tls, realm, &get, ret, err);
}

static int fetch(const struct host *h, const struct http_client *c,
		 const struct token_request *rq, struct host_token *t,
		 struct error *err)
{
	AUTO(http_exchange_free) struct http_exchange *x = NULL;
	AUTO(url_release) struct url realm = { 0 };
	AUTO(buf_release) struct buf body = BUF_INIT;
	autofree char *refresh = NULL;
	int64_t expires_s, margin_s;

	if (check_realm(h, rq->challenge->realm, &realm, err) < 0 ||
	    ask(h, c, rq, &realm, &x, err) < 0)
		return -1;
	if (x->status != 200) {
		reply_error(x, "asking for a token at", realm.text, err);
		return -1;
	}
	if (http_read_all(x, REPLY_MAX, &body, err) < 0 ||
	    token_parse(body.data, body.len, &t->value, &refresh, &expires_s,
			err) < 0)
		return -1;
	/* Early enough to survive clocks and queues between here and there. */
	margin_s = expires_s / 10 > 10 ? expires_s / 10 : 10;
	t->renew_at_s =
		now_s() + (expires_s > 2 * margin_s ? expires_s - margin_s
						    : expires_s / 2);
	return 0;
}

static char *token_key(const struct token_request *rq)
{
	autofree char *scopes = join_scopes(rq->scopes);
	const char *service = rq->challenge->service;
	struct buf key = BUF_INIT;

	buf_printf(&key, "%s\n%s\n%s\n%s", rq->challenge->realm,
		   service ? service : "", rq->repository ? rq->repository : "",
		   scopes ? scopes : "");
	return buf_steal(&key);
}

/* Fetch a token and keep it under `key`; the host owns it. */
static struct host_token *renew(struct host *h, const struct http_client *c,
				const struct token_request *rq, const char *key,
				struct error *err)
{
	struct host_token *t = calloc(1, sizeof(*t));

	if (!t)
		error_nomem(err, "asking for a token");
	else if (fetch(h, c, rq, t, err) < 0)
		;
	else if (map_put(h->tokens, key, strlen(key), t) == 0)
		return t;
	else
		error_nomem(err, "keeping a token");
	host_token_free(t);
	return NULL;
}

int token_get(struct host *h, const struct http_client *c,
	      const struct token_request *rq, char **ret, struct error *err)
{
	autofree char *key = token_key(rq);
	struct host_token *t;

	if (!key)
		return error_nomem(err, "asking for a token");
	t = map_get(h->tokens, key, strlen(key));
	if (!t || rq->fresh || now_s() >= t->renew_at_s)
		t = renew(h, c, rq, key, err);
	if (!t)
		return -1;
	*ret = strdup(t->value);
	return *ret ? 0 : error_nomem(err, "asking for a token");
}
