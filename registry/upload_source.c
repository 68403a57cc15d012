#include "registry/upload_source.h"

#include <string.h>

#include "registry/fetch.h"
#include "store/blob.h"

#define REPORT_BYTES ((int64_t)256 << 10)

int upload_source_init(struct upload_source *s, const struct upload *u,
		       struct error *err)
{
	*s = (struct upload_source){ .u = u, .size = -1 };
	if (u->layer) {
		s->what = layer_id(u->layer, err);
		return s->what ? 0 : -1;
	}
	s->size = u->desc->size;
	s->what = strdup(u->desc->digest.text);
	return s->what ? 0 : error_nomem(err, "sending a blob");
}

void upload_source_close(struct upload_source *s)
{
	stream_free(s->open);
	s->open = NULL;
	s->at = 0;
	s->ended = false;
}

void upload_source_release(struct upload_source *s)
{
	upload_source_close(s);
	free(s->what);
}

/* ---- where they are ---- */

static int open_local(const struct upload *u, struct stream **ret,
		      struct error *err)
{
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
	return stream_from_fd(fd, true, 0, size, ret, err);
}

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
	struct stream *raw;

	if (u->open(u->ctx, u->desc, &raw, err) < 0)
		return -1;
	return stream_verify(raw, u->desc->size, &u->desc->digest, ret, err);
}

static int open_bytes(const struct upload *u, struct stream **ret,
		      struct error *err)
{
	if (u->layer)
		return layer_send(u->layer, u->format, ret, err);
	if (u->open)
		return open_given(u, ret, err);
	if (u->origin &&
	    !blob_exists(batch_store(u->b), u->b, &u->desc->digest))
		return open_remote(u, ret, err);
	return open_local(u, ret, err);
}

/* ---- parts ---- */

/* A stream that comes from an origin tells of its progress on its own. */
static bool reports_itself(const struct upload *u)
{
	return u->origin && !u->layer &&
	       (u->open ||
		!blob_exists(batch_store(u->b), u->b, &u->desc->digest));
}

static void report(struct upload_source *s)
{
	bool last = s->ended || s->at == s->size;

	if (s->at - s->reported < REPORT_BYTES && !last)
		return;
	s->reported = s->at;
	client_transfer(s->u->r, s->what, s->at, s->ended ? s->at : s->size,
			NULL);
}

static ssize_t read_on(struct upload_source *s, void *data, size_t len,
		       struct error *err)
{
	ssize_t n = stream_read(s->open, data, len, err);

	if (n < 0)
		return -1;
	s->at += n;
	s->ended = n == 0;
	return n;
}

static int skip(struct upload_source *s, int64_t offset, struct error *err)
{
	char waste[16384];

	while (s->at < offset) {
		int64_t left = offset - s->at;
		size_t len = left < (int64_t)sizeof(waste) ? (size_t)left
							   : sizeof(waste);
		ssize_t n = read_on(s, waste, len, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return error_set(err, ERROR_INTEGRITY,
					 "the registry has more of %s than "
					 "there is",
					 s->what);
	}
	return 0;
}

/* Have the stream open and at `offset`. */
static int seek(struct upload_source *s, int64_t offset, struct error *err)
{
	if (s->open && (s->at > offset || s->ended))
		upload_source_close(s);
	if (!s->open && open_bytes(s->u, &s->open, err) < 0) {
		s->open = NULL;
		return -1;
	}
	return skip(s, offset, err);
}

struct part {
	struct stream base;
	struct upload_source *s;
	int64_t left; /* -1: no end of its own */
	bool reports;
};

static ssize_t part_read(struct stream *base, void *data, size_t len,
			 struct error *err)
{
	struct part *p = (struct part *)base;
	ssize_t n;

	/* Behind the last part the whole is read to its end and verified. */
	if (p->left == 0 && p->s->at != p->s->size)
		return 0;
	if (p->left > 0 && (int64_t)len > p->left)
		len = (size_t)p->left;
	n = read_on(p->s, data, len, err);
	if (n > 0 && p->left > 0)
		p->left -= n;
	if (n >= 0 && p->reports)
		report(p->s);
	return n;
}

static void part_free(struct stream *base)
{
	free(base);
}

int upload_source_part(struct upload_source *s, int64_t offset, int64_t max,
		       struct stream **ret, struct error *err)
{
	struct part *p;

	if (seek(s, offset, err) < 0)
		return -1;
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_nomem(err, "sending a blob");
	p->base.read = part_read;
	p->base.free = part_free;
	p->s = s;
	p->left = max;
	p->reports = !reports_itself(s->u);
	*ret = &p->base;
	return 0;
}
