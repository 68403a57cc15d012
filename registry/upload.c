#include "registry/upload.h"

#include <string.h>

#include "registry/fetch.h"
#include "registry/request.h"
#include "store/blob.h"

#define REPORT_BYTES ((int64_t)256 << 10)

/* ---- what is sent ---- */

/* Passes a blob through and reports how far it has come. */
struct report_stream {
	struct stream base;
	struct stream *inner;
	const struct upload *u;
	int64_t current, reported;
};

static ssize_t report_read(struct stream *base, void *data, size_t len,
			   struct error *err)
{
	struct report_stream *s = (struct report_stream *)base;
	int64_t total = s->u->desc->size;
	ssize_t n = stream_read(s->inner, data, len, err);

	if (n <= 0)
		return n;
	s->current += n;
	if (s->current - s->reported >= REPORT_BYTES || s->current == total) {
		s->reported = s->current;
		client_transfer(s->u->r, &s->u->desc->digest, s->current, total,
				NULL);
	}
	return n;
}

static void report_free(struct stream *base)
{
	struct report_stream *s = (struct report_stream *)base;

	stream_free(s->inner);
	free(s);
}

static int report_new(const struct upload *u, struct stream *inner,
		      struct stream **ret, struct error *err)
{
	struct report_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		stream_free(inner);
		return error_nomem(err, "sending a blob");
	}
	s->base.read = report_read;
	s->base.free = report_free;
	s->inner = inner;
	s->u = u;
	*ret = &s->base;
	return 0;
}

static int open_local(const struct upload *u, struct stream **ret,
		      struct error *err)
{
	struct stream *file;
	uint64_t size;
	int fd = blob_open(batch_store(u->b), u->b, &u->desc->digest, &size,
			   err);

	if (fd < 0)
		return -1;
	if (size != (uint64_t)u->desc->size) {
		close(fd);
		return error_set(err, ERROR_INTEGRITY,
				 "%s in the store has another size than its "
				 "manifest says",
				 u->desc->digest.text);
	}
	if (stream_from_fd(fd, true, 0, size, &file, err) < 0)
		return -1;
	return report_new(u, file, ret, err);
}

/* The origin's stream reports on its own. */
static int open_remote(const struct upload *u, struct stream **ret,
		       struct error *err)
{
	autofree char *domain = NULL;
	struct stream *raw;
	const char *path;

	if (origin_split(u->origin, &domain, &path, err) < 0 ||
	    fetch_blob(u->r, domain, path, u->desc, &raw, err) < 0)
		return -1;
	return stream_verify(raw, u->desc->size, &u->desc->digest, ret, err);
}

static int open_given(const struct upload *u, struct stream **ret,
		      struct error *err)
{
	struct stream *raw, *verified;

	if (u->open(u->ctx, u->desc, &raw, err) < 0)
		return -1;
	if (u->origin)
		return stream_verify(raw, u->desc->size, &u->desc->digest, ret,
				     err);
	if (stream_verify(raw, u->desc->size, &u->desc->digest, &verified,
			  err) < 0)
		return -1;
	return report_new(u, verified, ret, err);
}

static int open_source(void *ctx, struct stream **ret, struct error *err)
{
	const struct upload *u = ctx;

	if (u->open)
		return open_given(u, ret, err);

	if (u->origin &&
	    !blob_exists(batch_store(u->b), u->b, &u->desc->digest))
		return open_remote(u, ret, err);
	return open_local(u, ret, err);
}

/* ---- requests ---- */

static int build_path(const struct upload *u, struct buf *path,
		      const char *rest, struct error *err)
{
	buf_printf(path, "/v2/%s/blobs/%s", u->repository, rest);
	return buf_check(path, "sending a blob", err);
}

static int is_present(const struct upload *u, bool *ret, struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct request rq = {
		.method = "HEAD",
		.access = { .repository = u->repository, .push = true },
		.answer = 404,
	};

	if (build_path(u, &path, u->desc->digest.text, err) < 0)
		return -1;
	rq.path = path.data;
	if (request_send(u->r, u->host, &rq, &reply, err) < 0)
		return -1;
	*ret = reply.x->status == 200;
	return 0;
}

/* "sub/repo" when the blob's origin is another repository of this host. */
static const char *mountable_from(const struct upload *u)
{
	size_t len = strlen(u->host->domain);
	const char *path;

	if (!u->origin || strncmp(u->origin, u->host->domain, len) != 0 ||
	    u->origin[len] != '/')
		return NULL;
	path = u->origin + len + 1;
	return strcmp(path, u->repository) ? path : NULL;
}

/*
 * Where to send the blob. Registries behind a proxy that ends TLS often give
 * their own http address for the same host; that is https for us.
 */
static int read_location(const struct upload *u, const struct reply *reply,
			 struct url *ret, struct error *err)
{
	const char *location = http_header(&reply->x->headers, "Location");
	const struct url *base = &u->host->base;
	struct buf text = BUF_INIT;
	autofree char *fixed = NULL;

	if (!location)
		return error_set(err, ERROR_REFUSED,
				 "POST %s%s: the reply has no Location",
				 base->authority, reply->url.path);
	if (url_resolve(&reply->url, location, ret, err) < 0)
		return -1;
	if (ret->https || !base->https || strcmp(ret->host, base->host) != 0)
		return 0;
	buf_printf(&text, "https://%s%s", base->authority, ret->path);
	url_release(ret);
	fixed = buf_steal_checked(&text, "sending a blob", err);
	return fixed ? url_parse(fixed, ret, err) : -1;
}

/* Open an upload, or mount (`from`); then `*done` instead of a location. */
static int start(const struct upload *u, const char *from, bool *done,
		 struct url *location, struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct request rq = {
		.method = "POST",
		.access = { .repository = u->repository,
			    .push = true,
			    .also_pull = from },
	};

	if (build_path(u, &path, "uploads/", err) < 0)
		return -1;
	if (from) {
		url_add_query(&path, "mount", u->desc->digest.text);
		url_add_query(&path, "from", from);
	}
	if (buf_check(&path, "sending a blob", err) < 0)
		return -1;
	rq.path = path.data;
	if (request_send(u->r, u->host, &rq, &reply, err) < 0)
		return -1;
	*done = reply.x->status == 201;
	return *done ? 0 : read_location(u, &reply, location, err);
}

/* A registry that will not mount still takes an upload. */
static int start_or_mount(const struct upload *u, bool *mounted,
			  struct url *location, struct error *err)
{
	const char *from = mountable_from(u);
	struct error refused = ERROR_INIT;

	if (from) {
		if (start(u, from, mounted, location, &refused) == 0)
			return 0;
		if (refused.kind == ERROR_CANCELED ||
		    refused.kind == ERROR_NOMEM ||
		    refused.kind == ERROR_NETWORK) {
			*err = refused;
			return -1;
		}
	}
	return start(u, NULL, mounted, location, err);
}

static int put(const struct upload *u, const struct url *location,
	       struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(strv_release) struct strv fields = STRV_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(url_release) struct url to = { 0 };
	struct http_body body = { .size = u->desc->size,
				  .open = open_source,
				  .ctx = (void *)u };
	struct request rq = {
		.method = "PUT",
		.url = &to,
		.access = { .repository = u->repository, .push = true },
		.fields = &fields,
		.body = &body,
		.tries = 1, /* a second try needs an upload of its own */
	};

	buf_append_str(&text, location->text);
	url_add_query(&text, "digest", u->desc->digest.text);
	strv_append(&fields, "Content-Type: application/octet-stream");
	if (buf_check(&text, "sending a blob", err) < 0 ||
	    strv_check(&fields, "sending a blob", err) < 0 ||
	    url_parse(text.data, &to, err) < 0)
		return -1;
	return request_send(u->r, u->host, &rq, &reply, err);
}

/* ---- the whole ---- */

/* One attempt, and what came of it. */
struct attempt {
	const char *note; /* why nothing needed to be sent, or NULL */
	bool sent; /* it got as far as sending: another attempt may help */
};

static int try_once(const struct upload *u, struct attempt *a,
		    struct error *err)
{
	AUTO(url_release) struct url location = { 0 };
	bool present = false, mounted = false;

	*a = (struct attempt){ .note = "exists" };
	if (is_present(u, &present, err) < 0)
		return -1;
	if (present)
		return 0;
	a->note = "mounted";
	if (start_or_mount(u, &mounted, &location, err) < 0)
		return -1;
	if (mounted)
		return 0;
	*a = (struct attempt){ .sent = true };
	return put(u, &location, err);
}

/*
 * Requests before the sending were tried often enough on their own. A lost
 * connection is worth several tries, wrong bytes from an origin or an upload
 * that the registry has forgotten one more.
 */
static bool may_retry(const struct upload *u, const struct attempt *a,
		      const struct error *err, unsigned n)
{
	if (!a->sent)
		return false;
	if (err->kind == ERROR_NETWORK)
		return n < u->r->http.tries;
	return n < 2 &&
	       (err->kind == ERROR_INTEGRITY || err->kind == ERROR_NOT_FOUND);
}

static int upload(const struct upload *u, struct error *err)
{
	struct attempt a;

	for (unsigned n = 1; try_once(u, &a, err) < 0; n++) {
		char why[512];

		if (!may_retry(u, &a, err, n))
			return error_wrap(err, "sending %s to %s/%s",
					  u->desc->digest.text, u->host->domain,
					  u->repository);
		error_message(err, why, sizeof(why));
		http_tell(&u->r->http, "sending %s: %s; trying again",
			  u->desc->digest.text, why);
		if (http_wait(&u->r->http, http_backoff(&u->r->http, n), err) <
		    0)
			return -1;
	}
	if (a.note)
		client_transfer(u->r, &u->desc->digest, u->desc->size,
				u->desc->size, a.note);
	return 0;
}

int upload_blob(const struct upload *u, struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;

	buf_printf(&key, "%s/%s@%s", u->host->domain, u->repository,
		   u->desc->digest.text);
	if (buf_check(&key, "sending a blob", err) < 0)
		return -1;
	if (client_knows(u->r, key.data))
		return 0;
	if (upload(u, err) < 0)
		return -1;
	client_learn(u->r, key.data);
	return 0;
}
