#include "registry/upload_session.h"

#include <inttypes.h>
#include <string.h>

#include "registry/verdict.h"

/*
 * What is tried where a request is too large (413), halved while it still is,
 * and the longest minimum of a registry that is gone along with.
 */
#define CHUNK_FIRST ((int64_t)64 << 20)
#define CHUNK_MIN   ((int64_t)1 << 20)
#define CHUNK_MAX   ((int64_t)1 << 30)

#define TOO_LARGE   413
#define WRONG_RANGE 416

int upload_session_init(struct upload_session *s, const struct upload *u,
			struct error *err)
{
	*s = (struct upload_session){ .u = u, .chunk = -1 };
	return upload_source_init(&s->source, u, err);
}

void upload_session_release(struct upload_session *s)
{
	upload_source_release(&s->source);
	url_release(&s->location);
	descriptor_release(&s->made);
}

const struct descriptor *upload_session_blob(const struct upload_session *s)
{
	return s->made.media_type ? &s->made : s->u->desc;
}

static int build_path(const struct upload *u, struct buf *path,
		      const char *rest, struct error *err)
{
	buf_printf(path, "/v2/%s/blobs/%s", u->repository, rest);
	return buf_check(path, "sending a blob", err);
}

int upload_session_ask(struct upload_session *s, bool *present,
		       struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct request rq = {
		.method = "HEAD",
		.access = { .repository = s->u->repository, .push = true },
		.answer = 404,
	};

	if (build_path(s->u, &path, upload_session_blob(s)->digest.text, err) <
	    0)
		return -1;
	rq.path = path.data;
	if (request_send(s->u->r, s->u->host, &rq, &reply, err) < 0)
		return -1;
	*present = reply.x->status == 200;
	return 0;
}

/* ---- beginning ---- */

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
				 "%s%s: the reply has no Location",
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

static int replace_location(struct upload_session *s, const struct reply *reply,
			    struct error *err)
{
	struct url fresh = { 0 };

	if (read_location(s->u, reply, &fresh, err) < 0)
		return -1;
	url_release(&s->location);
	s->location = fresh;
	return 0;
}

/* Of every chunk but the last, in bytes; what is no number is no minimum. */
static int64_t announced_minimum(const struct reply *reply)
{
	const char *text =
		http_header(&reply->x->headers, "OCI-Chunk-Min-Length");
	char *end = NULL;
	long long length = text ? strtoll(text, &end, 10) : 0;

	return text && !*end && length > 0 ? length : 0;
}

/* Open an upload, or mount (`from`); then `*mounted` instead of a location. */
static int start(struct upload_session *s, const char *from, bool *mounted,
		 struct error *err)
{
	const struct upload *u = s->u;
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
		url_add_query(&path, "mount",
			      upload_session_blob(s)->digest.text);
		url_add_query(&path, "from", from);
	}
	if (buf_check(&path, "sending a blob", err) < 0)
		return -1;
	rq.path = path.data;
	if (request_send(u->r, u->host, &rq, &reply, err) < 0)
		return -1;
	*mounted = reply.x->status == 201;
	if (*mounted)
		return 0;
	s->offset = 0;
	s->chunk_min = announced_minimum(&reply);
	s->open = replace_location(s, &reply, err) == 0;
	return s->open ? 0 : -1;
}

/* A registry that will not mount still takes an upload. */
int upload_session_start(struct upload_session *s, bool *mounted,
			 struct error *err)
{
	const char *from = upload_session_blob(s) ? mountable_from(s->u) : NULL;
	struct error refused = ERROR_INIT;

	if (from) {
		if (start(s, from, mounted, &refused) == 0)
			return 0;
		if (refused.kind == ERROR_CANCELED ||
		    refused.kind == ERROR_NOMEM ||
		    refused.kind == ERROR_NETWORK) {
			*err = refused;
			return -1;
		}
	}
	return start(s, NULL, mounted, err);
}

/* "0-99", with or without "bytes=": 100; nothing, or nonsense: -1. */
static int64_t end_of_range(const struct reply *reply)
{
	const char *range = http_header(&reply->x->headers, "Range");
	int64_t last;

	if (!range)
		return -1;
	if (!strncmp(range, "bytes=", 6))
		range += 6;
	if (sscanf(range, "0-%" SCNd64, &last) != 1 || last < 0)
		return -1;
	/* An upload without a byte is told as "0-0", too. */
	return last ? last + 1 : 0;
}

void upload_session_resume(struct upload_session *s)
{
	AUTO(reply_release) struct reply reply = { 0 };
	struct error ignored = ERROR_INIT;
	struct request rq = {
		.method = "GET",
		.url = &s->location,
		.access = { .repository = s->u->repository, .push = true },
		.tries = 1,
	};
	int64_t end = -1;

	s->open = false;
	if (request_send(s->u->r, s->u->host, &rq, &reply, &ignored) == 0)
		end = end_of_range(&reply);
	if (end < 0)
		return;
	if (http_header(&reply.x->headers, "Location") &&
	    replace_location(s, &reply, &ignored) < 0)
		return;
	s->offset = end;
	s->open = true;
}

/* ---- writing ---- */

static int open_part(void *ctx, struct stream **ret, struct error *err)
{
	struct upload_session *s = ctx;

	return upload_source_part(&s->source, s->offset, s->chunk, ret, err);
}

/* Bytes of the next request; -1: as many as there are. */
static int64_t part_size(const struct upload_session *s)
{
	int64_t left = s->source.size - s->offset;

	if (s->source.size < 0)
		return -1;
	return s->chunk > 0 && s->chunk < left ? s->chunk : left;
}

static int add_range(const struct upload_session *s, int64_t size,
		     struct strv *fields, struct error *err)
{
	struct buf line = BUF_INIT;

	/* One request of unknown length for all of it needs none. */
	if (size < 0)
		return 0;
	buf_printf(&line, "Content-Range: %" PRId64 "-%" PRId64, s->offset,
		   s->offset + size - 1);
	strv_take(fields, buf_steal(&line));
	return strv_check(fields, "sending a blob", err);
}

/*
 * One request with a body. `*too_large`: the server wants smaller ones, and
 * nothing was written.
 */
static int write_part(struct upload_session *s, const char *method,
		      const struct url *to, bool ranged, bool *too_large,
		      struct reply *reply, struct error *err)
{
	AUTO(strv_release) struct strv fields = STRV_INIT;
	struct http_body body = { .size = part_size(s),
				  .open = open_part,
				  .ctx = s };
	struct request rq = {
		.method = method,
		.url = to,
		.access = { .repository = s->u->repository, .push = true },
		.fields = &fields,
		.body = &body,
		.tries = 1, /* how far it came has to be asked first */
		.answer = TOO_LARGE,
		.refusal = &s->refusal,
	};

	strv_append(&fields, "Content-Type: application/octet-stream");
	if (strv_check(&fields, "sending a blob", err) < 0 ||
	    (ranged && add_range(s, body.size, &fields, err) < 0) ||
	    request_send(s->u->r, s->u->host, &rq, reply, err) < 0)
		return -1;
	*too_large = reply->x->status == TOO_LARGE;
	return 0;
}

static int shrink(struct upload_session *s, struct error *err)
{
	int64_t refused = s->chunk;
	int64_t least = s->chunk_min > CHUNK_MIN ? s->chunk_min : CHUNK_MIN;

	upload_source_close(&s->source);
	if (least > CHUNK_MAX)
		return error_set(err, ERROR_REFUSED,
				 "%s: 413 %s, but it wants no chunk to be "
				 "shorter than %" PRId64
				 " bytes (OCI-Chunk-Min-Length); at most "
				 "%" PRId64 " are sent as one",
				 s->location.authority, http_reason(TOO_LARGE),
				 least, CHUNK_MAX);
	s->chunk = refused > 0 ? refused / 2 : CHUNK_FIRST;
	if (s->chunk < least)
		s->chunk = least;
	if (refused < 0 || s->chunk < refused)
		return 0;
	return error_set(
		err, ERROR_REFUSED, "%s: 413 %s even for %" PRId64 " bytes%s",
		s->location.authority, http_reason(TOO_LARGE), refused,
		s->chunk_min == least ? ", its own OCI-Chunk-Min-Length" : "");
}

/* Where the upload is closed: its Location with the digest. */
static int closing_url(const struct upload_session *s, struct url *ret,
		       struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	buf_append_str(&text, s->location.text);
	url_add_query(&text, "digest", upload_session_blob(s)->digest.text);
	return buf_check(&text, "sending a blob", err) < 0
		       ? -1
		       : url_parse(text.data, ret, err);
}

/* All in one request. */
static int put_whole(struct upload_session *s, bool *too_large,
		     struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(url_release) struct url to = { 0 };

	if (closing_url(s, &to, err) < 0)
		return -1;
	return write_part(s, "PUT", &to, false, too_large, &reply, err);
}

static int patch(struct upload_session *s, struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	bool too_large = false;

	if (write_part(s, "PATCH", &s->location, true, &too_large, &reply,
		       err) < 0)
		return -1;
	if (too_large)
		return shrink(s, err);
	s->offset = s->source.at;
	return http_header(&reply.x->headers, "Location")
		       ? replace_location(s, &reply, err)
		       : 0;
}

static int close_upload(struct upload_session *s, struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(url_release) struct url to = { 0 };
	struct request rq = {
		.method = "PUT",
		.url = &to,
		.access = { .repository = s->u->repository, .push = true },
		.tries = 1,
		.refusal = &s->refusal,
	};

	if (closing_url(s, &to, err) < 0)
		return -1;
	return request_send(s->u->r, s->u->host, &rq, &reply, err);
}

/* A layer that was made as it went is known now. */
static int learn_made(struct upload_session *s, struct error *err)
{
	AUTO(buf_release) struct buf origin = BUF_INIT;

	if (!s->u->layer || s->made.media_type)
		return 0;
	buf_printf(&origin, "%s/%s", s->u->host->domain, s->u->repository);
	if (buf_check(&origin, "sending a blob", err) < 0)
		return -1;
	return layer_send_result(s->source.open, origin.data, &s->made,
				 &s->diff_id, err);
}

static bool all_is_written(const struct upload_session *s)
{
	if (s->made.media_type)
		return s->offset == s->made.size;
	return s->source.ended || s->offset == s->source.size;
}

int upload_session_send(struct upload_session *s, struct error *err)
{
	bool too_large = true;

	s->refusal = (struct refusal){ .wait_ms = -1 };
	if (s->source.size >= 0 && s->offset == 0 && s->chunk < 0) {
		if (put_whole(s, &too_large, err) < 0)
			return -1;
		if (!too_large)
			return 0;
		if (shrink(s, err) < 0)
			return -1;
	}
	while (!all_is_written(s))
		if (patch(s, err) < 0)
			return -1;
	if (learn_made(s, err) < 0)
		return -1;
	return close_upload(s, err);
}

bool upload_session_may_resume(const struct upload_session *s,
			       const struct error *why)
{
	return s->refusal.status == WRONG_RANGE ||
	       (why->kind == ERROR_NETWORK &&
		s->refusal.wait_ms <= HTTP_LONGEST_WAIT_MS);
}
