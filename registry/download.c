#include "registry/download.h"

#include <string.h>
#include <time.h>

#include "registry/base64.h"
#include "registry/certs.h"
#include "registry/client.h"
#include "registry/hosts_toml.h"
#include "registry/verdict.h"
#include "store/base/io.h"

#define MAX_REDIRECTS 10
#define READ_SIZE     ((size_t)128 << 10)
#define REPORT_BYTES  ((uint64_t)1 << 20)
#define SETTLED_S     60

/* One download on its way, over redirects and attempts. */
struct transfer {
	struct registry *r;
	const struct download_request *rq;
	struct url first; /* what credentials are for */
	struct url url;	  /* where it is asked for now */
	char *basic;	  /* from the user in the URL, or NULL */
	unsigned redirects;
	bool here; /* the first server is on this machine */
	int fd;
	struct hash *hash;
	uint64_t size;
	uint64_t reported;
	int64_t total; /* bytes announced; -1: not */
	bool named;    /* the error at hand names the URL already */
};

static void transfer_release(struct transfer *t)
{
	url_release(&t->first);
	url_release(&t->url);
	free(t->basic);
	hash_free(t->hash);
}
DEFINE_RELEASE(struct transfer, transfer_release);

void downloaded_release(struct downloaded *d)
{
	free(d->etag);
	free(d->last_modified);
	*d = (struct downloaded){ 0 };
}

/* "user:password", percent-encoded, as the value of a header field. */
static char *basic_value(const char *user, struct error *err)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;
	struct buf value = BUF_INIT;

	if (url_unescape(user, strlen(user), &plain, err) < 0)
		return NULL;
	if (!strchr(plain.data, ':'))
		buf_append_char(&plain, ':');
	buf_append_str(&value, "Basic ");
	if (buf_check(&plain, "reading a URL", err) == 0)
		base64_encode(plain.data, plain.len, &value);
	return buf_steal_checked(&value, "reading a URL", err);
}

/* Blanks and bytes beyond ASCII are escaped; what is escaped already stays. */
static char *escape_rest(const char *url, struct error *err)
{
	struct buf text = BUF_INIT;

	for (; *url; url++) {
		unsigned char c = (unsigned char)*url;

		if (c == ' ' || c >= 0x7f)
			buf_printf(&text, "%%%02X", c);
		else
			buf_append_char(&text, *url);
	}
	return buf_steal_checked(&text, "reading a URL", err);
}

static int set_out(struct transfer *t, struct error *err)
{
	autofree char *plain = NULL, *user = NULL, *escaped = NULL;

	if (url_split_user(t->rq->url, &plain, &user, err) < 0)
		return -1;
	escaped = escape_rest(plain, err);
	if (!escaped || url_parse(escaped, &t->first, err) < 0 ||
	    url_parse(escaped, &t->url, err) < 0)
		return -1;
	if (user)
		t->basic = basic_value(user, err);
	if (user && !t->basic)
		return -1;
	return hash_new(&t->hash, err);
}

static int add_fields(const struct transfer *t, struct strv *fields,
		      struct error *err)
{
	const char *value =
		t->rq->authorization ? t->rq->authorization : t->basic;
	const struct {
		const char *name;
		const char *value;
	} all[] = {
		{ "Authorization",
		  url_same_origin(&t->url, &t->first) ? value : NULL },
		{ "If-None-Match", t->rq->etag },
		{ "If-Modified-Since",
		  t->rq->etag ? NULL : t->rq->last_modified },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		AUTO(buf_release) struct buf line = BUF_INIT;

		if (!all[i].value)
			continue;
		/* What came from a file may end in a line feed, or hold one. */
		buf_printf(&line, "%s: %.*s", all[i].name,
			   (int)strcspn(all[i].value, "\r\n"), all[i].value);
		strv_take(fields, buf_steal(&line));
	}
	return strv_check(fields, "preparing a request", err);
}

static int send_once(struct transfer *t, struct http_exchange **ret,
		     struct error *err)
{
	AUTO(strv_release) struct strv fields = STRV_INIT;
	AUTO(http_tls_release) struct http_tls tls = { 0 };
	AUTO(host_settings_release) struct host_settings settings = { 0 };
	const struct http_request http = {
		.method = "GET",
		.url = t->url.text,
		.headers = &fields,
		.tls = &tls,
		.outside = t->redirects && !t->here &&
			   strcmp(t->url.host, t->first.host) != 0,
	};

	/* Private authorities count here as they do for registries. */
	if (hosts_toml_settings(t->url.authority, &settings, err) < 0 ||
	    certs_load(t->url.authority, t->r->options.ca_file, &settings, &tls,
		       err) < 0 ||
	    add_fields(t, &fields, err) < 0)
		return -1;
	t->named = http_send(&t->r->http, &http, 0, ret, NULL, err) < 0;
	return t->named ? -1 : 0;
}

static int follow(struct transfer *t, const struct http_exchange *x,
		  struct error *err)
{
	const char *location = http_header(&x->headers, "Location");
	AUTO(url_release) struct url to = { 0 };

	if (!location)
		return error_set(err, ERROR_NETWORK,
				 "a redirect that leads nowhere");
	if (t->redirects++ == MAX_REDIRECTS)
		return error_set(err, ERROR_REFUSED, "more than %d redirects",
				 MAX_REDIRECTS);
	if (url_resolve(&t->url, location, &to, err) < 0)
		return -1;
	if (t->url.https && !to.https && !t->rq->verified)
		return error_set(err, ERROR_REFUSED,
				 "%s redirects to plain HTTP, '%s'",
				 t->url.authority, to.authority);
	if (!url_may_lead(t->first.host, t->here, &to))
		return error_set(err, ERROR_REFUSED,
				 "%s redirects to a local address, '%s'",
				 t->url.authority, to.authority);
	url_release(&t->url);
	t->url = to;
	to = (struct url){ 0 };
	return 0;
}

static bool is_redirect(int status)
{
	return (status >= 301 && status <= 303) || status == 307 ||
	       status == 308;
}

static bool is_conditional(const struct download_request *rq)
{
	return rq->etag || rq->last_modified;
}

/* The head of the final reply: a success, or 304 where that was asked for. */
static int find(struct transfer *t, struct http_exchange **ret,
		struct error *err)
{
	for (;;) {
		AUTO(http_exchange_free) struct http_exchange *x = NULL;

		if (send_once(t, &x, err) < 0)
			return -1;
		if (!t->redirects)
			t->here = x->local ||
				  url_host_place(t->first.host) == URL_LOOPBACK;
		if (x->status == 200 ||
		    (x->status == 304 && is_conditional(t->rq))) {
			*ret = steal_pointer(&x);
			return 0;
		}
		if (!is_redirect(x->status))
			return error_set(err, http_error_kind(x->status),
					 "invalid response status %d",
					 x->status);
		if (follow(t, x, err) < 0)
			return -1;
	}
}

static void report(struct transfer *t, bool last)
{
	if (!t->rq->progress || (!last && t->size - t->reported < REPORT_BYTES))
		return;
	t->reported = t->size;
	t->rq->progress(t->rq->ctx, (int64_t)t->size, t->total);
}

static int start_over(struct transfer *t, const struct http_exchange *x,
		      struct error *err)
{
	const char *length = http_header(&x->headers, "Content-Length");
	struct digest ignored;

	hash_finish(t->hash, &ignored);
	t->size = t->reported = 0;
	t->total = length ? strtoll(length, NULL, 10) : -1;
	if (t->total > 0 && (uint64_t)t->total > t->rq->max_bytes)
		return error_set(err, ERROR_REFUSED,
				 "it is larger than %llu bytes",
				 (unsigned long long)t->rq->max_bytes);
	if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot write a download");
	return 0;
}

static int take_body(struct transfer *t, struct http_exchange *x,
		     struct error *err)
{
	autofree char *data = malloc(READ_SIZE);
	ssize_t n;

	if (!data)
		return error_nomem(err, "a download");
	if (start_over(t, x, err) < 0)
		return -1;
	while ((n = x->read(x, data, READ_SIZE, err)) > 0) {
		t->size += (uint64_t)n;
		if (t->size > t->rq->max_bytes)
			return error_set(err, ERROR_REFUSED,
					 "it is larger than %llu bytes",
					 (unsigned long long)t->rq->max_bytes);
		hash_update(t->hash, data, (size_t)n);
		if (io_write(t->fd, data, (size_t)n, "a download", err) < 0)
			return -1;
		report(t, false);
	}
	if (n == 0)
		report(t, true);
	return (int)n;
}

/* Seconds since 1970; 0 when it is no HTTP date. */
static int64_t parse_date(const char *text)
{
	struct tm date = { 0 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
	time_t seconds = end && !*end ? timegm(&date) : 0;

	return seconds > 0 ? seconds : 0;
}

/*
 * What will tell whether the file has changed: a strong ETag, or a time that
 * is so long ago that nothing can have been written in the same second.
 */
static int note_validators(const struct http_exchange *x,
			   struct downloaded *ret, struct error *err)
{
	const char *etag = http_header(&x->headers, "ETag");
	const char *modified = http_header(&x->headers, "Last-Modified");
	bool settled;

	ret->mtime = modified ? parse_date(modified) : 0;
	settled = ret->mtime && ret->mtime + SETTLED_S < time(NULL);
	if (etag && *etag == '"')
		ret->etag = strdup(etag);
	if (settled)
		ret->last_modified = strdup(modified);
	if ((etag && *etag == '"' && !ret->etag) ||
	    (settled && !ret->last_modified))
		return error_nomem(err, "a download");
	return 0;
}

/* Once: 0, -1, or 1 when the connection broke and it may be tried again. */
static int attempt(struct transfer *t, struct downloaded *ret,
		   struct error *err)
{
	AUTO(http_exchange_free) struct http_exchange *x = NULL;
	struct http_outcome outcome = { 0 };
	int64_t ignored;

	if (find(t, &x, err) < 0)
		return -1;
	ret->unchanged = x->status == 304;
	if (ret->unchanged)
		return 0;
	if (take_body(t, x, err) < 0) {
		outcome.failure = x->failure;
		return x->failure && http_judge(&outcome, &ignored) ==
					       HTTP_RETRY
			       ? 1
			       : -1;
	}
	hash_finish(t->hash, &ret->digest);
	ret->size_bytes = t->size;
	return note_validators(x, ret, err);
}

static int attempts(struct transfer *t, struct downloaded *ret,
		    struct error *err)
{
	const struct http_client *c = &t->r->http;

	for (unsigned n = 1;; n++) {
		char why[512];
		int done = attempt(t, ret, err);

		if (done <= 0)
			return done;
		if (n >= c->tries)
			return -1;
		http_tell(c, "%s: %s; trying again", t->url.authority,
			  error_message(err, why, sizeof(why)));
		if (http_wait(c, http_backoff(c, n), err) < 0)
			return -1;
	}
}

int download(struct registry *r, const struct download_request *rq, int fd,
	     struct downloaded *ret, struct error *err)
{
	AUTO(transfer_release)
	struct transfer t = { .r = r, .rq = rq, .fd = fd };
	AUTO(downloaded_release) struct downloaded d = { 0 };

	if (set_out(&t, err) < 0 || attempts(&t, &d, err) < 0) {
		autofree char *url = url_for_message(rq->url);

		return t.named ? -1 : error_wrap(err, "%s", url ? url : "");
	}
	*ret = d;
	d = (struct downloaded){ 0 };
	return 0;
}
