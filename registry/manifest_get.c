#include "registry/manifest_get.h"

#include <string.h>

#include "registry/request.h"
#include "store/manifest.h"

/* Schema 1 is asked for only to be refused by name. */
static const char accepted[] =
	"Accept: " MEDIA_OCI_INDEX ", " MEDIA_DOCKER_INDEX
	", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_MANIFEST
	", application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1"
	", application/vnd.docker.distribution.manifest.v1+json;q=0.1";

void manifest_text_release(struct manifest_text *m)
{
	buf_release(&m->data);
	free(m->media_type);
	*m = (struct manifest_text){ 0 };
}

static int take_media_type(struct manifest_text *m, const struct reply *reply,
			   struct error *err)
{
	const char *type = http_header(&reply->x->headers, "Content-Type");

	if (!type)
		return 0;
	m->media_type = strndup(type, strcspn(type, "; \t"));
	return m->media_type ? 0 : error_nomem(err, "fetching a manifest");
}

/* The bytes must be what was asked for, and what the registry says they are. */
static int check_digest(struct manifest_text *m, const struct reply *reply,
			const struct digest *expected, struct error *err)
{
	const char *told =
		http_header(&reply->x->headers, "Docker-Content-Digest");
	struct error ignored = ERROR_INIT;
	struct digest digest;

	digest_bytes(m->data.data ? m->data.data : "", m->data.len, &m->digest);
	if (expected && !digest_equal(expected, &m->digest))
		return error_set(err, ERROR_INTEGRITY,
				 "the manifest is %s, expected %s",
				 m->digest.text, expected->text);
	/* Other algorithms are not ours to check. */
	if (told && digest_parse(told, &digest, &ignored) == 0 &&
	    !digest_equal(&digest, &m->digest))
		return error_set(err, ERROR_INTEGRITY,
				 "the manifest is %s, announced as %s",
				 m->digest.text, digest.text);
	return 0;
}

/*
 * `*again`: the reply was broken off, cut short or garbled on its way, which
 * asking once more may mend. Connections as such were tried often enough.
 */
static int get_once(struct registry *r, struct host *h,
		    const struct request *rq, const struct digest *expected,
		    struct manifest_text *ret, bool *again, struct error *err)
{
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	AUTO(reply_release) struct reply reply = { 0 };

	*again = false;
	if (request_send(r, h, rq, &reply, err) < 0)
		return -1;
	if (http_read_all(reply.x, MANIFEST_MAX, &m.data, err) < 0) {
		*again = err->kind == ERROR_NETWORK;
		return error_wrap(err, "GET %s%s", reply.url.authority,
				  rq->path);
	}
	if (take_media_type(&m, &reply, err) < 0)
		return -1;
	if (check_digest(&m, &reply, expected, err) < 0) {
		*again = true;
		return -1;
	}
	*ret = m;
	m = (struct manifest_text){ 0 };
	return 0;
}

/* What is to be got, wherever from. */
struct wanted {
	struct registry *r;
	const char *version;
	const struct digest *expected;
	struct manifest_text *ret;
};

static int get_from(void *ctx, struct host *h, const char *path,
		    struct error *err)
{
	const struct wanted *w = ctx;
	AUTO(strv_release) struct strv fields = STRV_INIT;
	AUTO(buf_release) struct buf where = BUF_INIT;
	struct request rq = {
		.method = "GET",
		.access = { .repository = path },
		.fields = &fields,
		.by_digest = w->expected,
	};
	bool again;

	strv_append(&fields, accepted);
	buf_printf(&where, "/v2/%s/manifests/%s", path, w->version);
	if (buf_check(&where, "fetching a manifest", err) < 0 ||
	    strv_check(&fields, "fetching a manifest", err) < 0)
		return -1;
	rq.path = where.data;
	if (get_once(w->r, h, &rq, w->expected, w->ret, &again, err) == 0)
		return 0;
	if (!again)
		return -1;
	return get_once(w->r, h, &rq, w->expected, w->ret, &again, err);
}

int manifest_get(struct registry *r, const char *domain, const char *path,
		 const char *version, const struct digest *expected,
		 struct manifest_text *ret, struct error *err)
{
	struct wanted w = { r, version, expected, ret };

	return client_pull(r, domain, path, expected, get_from, &w, err);
}
