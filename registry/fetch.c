#include "registry/fetch.h"

#include <inttypes.h>
#include <string.h>

#include "registry/request.h"

/* So much has to come before a new breakdown counts as the first again. */
#define GOOD_PROGRESS ((int64_t)1 << 20)
#define REPORT_BYTES  ((int64_t)256 << 10)

/* A blob being fetched, over one connection after another. */
struct blob_stream {
	struct stream base;
	struct registry *r;
	struct host *host;
	char *repository;
	char *path; /* of the API */
	struct digest digest;
	int64_t size;
	struct reply reply; /* reply.x is NULL between connections */
	int64_t offset;	    /* bytes handed out */
	int64_t reported;
	int64_t failed_at;
	unsigned failures;
	bool ended_short;
};

static void blob_free(struct stream *base)
{
	struct blob_stream *b = (struct blob_stream *)base;

	reply_release(&b->reply);
	free(b->repository);
	free(b->path);
	free(b);
}

static void report(struct blob_stream *b)
{
	bool last = b->offset == b->size;

	if (b->offset - b->reported < REPORT_BYTES && !last)
		return;
	b->reported = b->offset;
	client_transfer(b->r, b->digest.text, b->offset, b->size, NULL);
}

/* Does "bytes 5-9/10" start where we are? */
static bool range_fits(const struct blob_stream *b)
{
	const char *range = http_header(&b->reply.x->headers, "Content-Range");
	int64_t start;

	return range && sscanf(range, "bytes %" SCNd64 "-", &start) == 1 &&
	       start == b->offset;
}

/* A server that starts over: read what we have once more. */
static int skip_known(struct blob_stream *b, struct error *err)
{
	int64_t left = b->offset;
	char waste[16384];

	while (left > 0) {
		size_t len = left < (int64_t)sizeof(waste) ? (size_t)left
							   : sizeof(waste);
		ssize_t n = b->reply.x->read(b->reply.x, waste, len, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return error_set(err, ERROR_INTEGRITY,
					 "%s is shorter now than it was",
					 b->digest.text);
		left -= n;
	}
	return 0;
}

static int set_range(const struct blob_stream *b, struct strv *fields,
		     struct error *err)
{
	struct buf line = BUF_INIT;

	if (!b->offset)
		return 0;
	buf_printf(&line, "Range: bytes=%" PRId64 "-", b->offset);
	strv_take(fields, buf_steal(&line));
	return strv_check(fields, "fetching a blob", err);
}

/* Ask for what is missing. The registry is asked again each time: the place
 * it redirected to may have expired. */
static int connect_blob(struct blob_stream *b, struct error *err)
{
	AUTO(strv_release) struct strv fields = STRV_INIT;
	struct request rq = {
		.method = "GET",
		.path = b->path,
		.access = { .repository = b->repository },
		.fields = &fields,
		.by_digest = true,
	};

	if (set_range(b, &fields, err) < 0 ||
	    request_send(b->r, b->host, &rq, &b->reply, err) < 0)
		return -1;
	if (b->offset && b->reply.x->status != 206)
		return skip_known(b, err);
	if (b->offset && !range_fits(b))
		return error_set(err, ERROR_INTEGRITY,
				 "GET %s: not the range that was asked for",
				 b->reply.url.authority);
	return 0;
}

/* May the connection be made anew after this? Waits first if so. */
static int recover(struct blob_stream *b, struct error *err)
{
	unsigned limit = b->ended_short ? 2 : b->r->http.tries;
	struct error why = *err;
	char message[512];

	if (b->offset - b->failed_at >= GOOD_PROGRESS)
		b->failures = 0;
	b->failed_at = b->offset;
	if (++b->failures >= limit)
		return error_wrap(err, "fetching %s from %s/%s", b->digest.text,
				  b->host->domain, b->repository);
	reply_release(&b->reply);
	error_message(&why, message, sizeof(message));
	http_tell(&b->r->http,
		  "%s at byte %" PRId64 ": %s; going on from there",
		  b->digest.text, b->offset, message);
	if (http_wait(&b->r->http, http_backoff(&b->r->http, b->failures),
		      err) < 0)
		return -1;
	return connect_blob(b, err);
}

/* One read of the current connection; 1: try again on a new one. */
static int broke(struct blob_stream *b, ssize_t n, struct error *err)
{
	if (n < 0 && b->reply.x->failure == HTTP_OWN_FAULT)
		return -1;
	if (n == 0) {
		b->ended_short = true;
		error_set(err, ERROR_INTEGRITY,
			  "it ended after %" PRId64 " of %" PRId64 " bytes",
			  b->offset, b->size);
	}
	return recover(b, err);
}

static ssize_t blob_stream_read(struct stream *base, void *data, size_t len,
				struct error *err)
{
	struct blob_stream *b = (struct blob_stream *)base;

	for (;;) {
		struct error problem = ERROR_INIT;
		ssize_t n = b->reply.x->read(b->reply.x, data, len, &problem);

		if (n > 0) {
			b->offset += n;
			report(b);
			return n;
		}
		if (n == 0 && b->offset >= b->size)
			return 0;
		if (broke(b, n, &problem) < 0) {
			*err = problem;
			return -1;
		}
	}
}

static char *blob_path(const char *path, const struct digest *digest)
{
	struct buf out = BUF_INIT;

	buf_printf(&out, "/v2/%s/blobs/%s", path, digest->text);
	return buf_steal(&out);
}

/* What is to be fetched, wherever from. */
struct wanted {
	struct registry *r;
	const struct descriptor *desc;
	struct stream **ret;
};

static int fetch_from(void *ctx, struct host *h, const char *path,
		      struct error *err)
{
	const struct wanted *w = ctx;
	struct blob_stream *b = calloc(1, sizeof(*b));
	AUTO(stream_free) struct stream *owned = NULL;

	if (!b)
		return error_nomem(err, "fetching a blob");
	owned = &b->base;
	b->base.read = blob_stream_read;
	b->base.free = blob_free;
	b->r = w->r;
	b->host = h;
	b->digest = w->desc->digest;
	b->size = w->desc->size;
	b->repository = strdup(path);
	b->path = blob_path(path, &w->desc->digest);
	if (!b->repository || !b->path)
		return error_nomem(err, "fetching a blob");
	if (connect_blob(b, err) < 0)
		return -1;
	*w->ret = steal_pointer(&owned);
	return 0;
}

int fetch_blob(struct registry *r, const char *domain, const char *path,
	       const struct descriptor *desc, struct stream **ret,
	       struct error *err)
{
	struct wanted w = { r, desc, ret };

	return client_pull(r, domain, path, true, fetch_from, &w, err);
}

static int read_small(struct registry *r, const char *domain, const char *path,
		      const struct descriptor *desc, struct buf *ret,
		      struct error *err)
{
	AUTO(stream_free) struct stream *s = NULL;
	struct stream *raw;
	ssize_t n;

	if (fetch_blob(r, domain, path, desc, &raw, err) < 0 ||
	    stream_verify(raw, desc->size, &desc->digest, &s, err) < 0)
		return -1;
	do {
		char *room = buf_reserve(ret, 16384);

		if (!room)
			return error_nomem(err, "fetching a blob");
		n = stream_read(s, room, 16384, err);
		if (n > 0)
			buf_commit(ret, (size_t)n);
	} while (n > 0);
	return (int)n;
}

int fetch_small_blob(struct registry *r, const char *domain, const char *path,
		     const struct descriptor *desc, size_t max, struct buf *ret,
		     struct error *err)
{
	size_t start = ret->len;

	if (desc->size < 0 || (uint64_t)desc->size > max)
		return error_set(err, ERROR_REFUSED,
				 "%s has %" PRId64 " bytes, at most %zu are "
				 "accepted for what it is",
				 desc->digest.text, desc->size, max);
	if (read_small(r, domain, path, desc, ret, err) == 0)
		return 0;
	/* Wrong bytes may have come out of a cache in between: once more. */
	if (err->kind != ERROR_INTEGRITY)
		return -1;
	buf_truncate(ret, start);
	return read_small(r, domain, path, desc, ret, err);
}

int origin_split(const char *origin, char **domain, const char **path,
		 struct error *err)
{
	const char *slash = strchr(origin, '/');

	if (!slash)
		return error_set(err, ERROR_INTEGRITY,
				 "'%.100s' is not a repository", origin);
	*domain = strndup(origin, (size_t)(slash - origin));
	*path = slash + 1;
	return *domain ? 0 : error_nomem(err, "naming a repository");
}

static int fetch_from_origin(void *ctx, const char *origin,
			     const struct descriptor *desc, struct stream **ret,
			     struct error *err)
{
	autofree char *domain = NULL;
	const char *path;

	if (origin_split(origin, &domain, &path, err) < 0)
		return -1;
	return fetch_blob(ctx, domain, path, desc, ret, err);
}

const struct store_fetcher *registry_fetcher(struct registry *r)
{
	r->fetcher.fetch = fetch_from_origin;
	r->fetcher.ctx = r;
	return &r->fetcher;
}
