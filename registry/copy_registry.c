/* Registries as both ends of a copy. */
#include <string.h>

#include "registry/client.h"
#include "registry/copy.h"
#include "registry/fetch.h"
#include "registry/manifest_get.h"
#include "registry/push.h"
#include "registry/upload.h"

/* ---- from ---- */

struct registry_source {
	struct copy_source base;
	struct registry *r;
	char *domain, *path;
	char *origin;
	struct buf root_text; /* so that it is not fetched twice */
};

static void source_free(struct copy_source *base)
{
	struct registry_source *s = (struct registry_source *)base;

	descriptor_release(&base->root);
	free(s->domain);
	free(s->path);
	free(s->origin);
	buf_release(&s->root_text);
	free(s);
}

static int source_manifest(struct copy_source *base, const struct descriptor *d,
			   struct buf *ret, struct error *err)
{
	struct registry_source *s = (struct registry_source *)base;
	AUTO(manifest_text_release) struct manifest_text m = { 0 };

	if (digest_equal(&d->digest, &base->root.digest)) {
		buf_append(ret, s->root_text.data, s->root_text.len);
		return 0;
	}
	if (manifest_get(s->r, s->domain, s->path, d->digest.text, &d->digest,
			 &m, err) < 0)
		return -1;
	buf_append(ret, m.data.data, m.data.len);
	return 0;
}

static int source_blob(struct copy_source *base, const struct descriptor *d,
		       struct stream **ret, struct error *err)
{
	struct registry_source *s = (struct registry_source *)base;

	return fetch_blob(s->r, s->domain, s->path, d, ret, err);
}

int copy_from_registry(struct registry *r, const struct reference *ref,
		       struct copy_source **ret, struct error *err)
{
	struct registry_source *s = calloc(1, sizeof(*s));
	AUTO(copy_source_free) struct copy_source *owned = NULL;

	if (!s)
		return error_nomem(err, "copying an image");
	owned = &s->base;
	s->base.manifest = source_manifest;
	s->base.blob = source_blob;
	s->base.free = source_free;
	s->r = r;
	s->domain = strdup(ref->domain);
	s->path = strdup(ref->path);
	s->origin = reference_repository(ref, err);
	if (!s->domain || !s->path || !s->origin)
		return error_nomem(err, "copying an image");
	s->base.origin = s->origin;
	if (registry_get_manifest(r, ref, &s->root_text,
				  &s->base.root.media_type,
				  &s->base.root.digest, err) < 0)
		return -1;
	s->base.root.size = (int64_t)s->root_text.len;
	*ret = steal_pointer(&owned);
	return 0;
}

/* ---- to ---- */

struct registry_dest {
	struct copy_target base;
	struct registry *r;
	struct host *host;
	char *path;
	char *tag; /* or NULL: known by its digest only */
};

static void dest_free(struct copy_target *base)
{
	struct registry_dest *to = (struct registry_dest *)base;

	free(to->path);
	free(to->tag);
	free(to);
}

static int open_blob(void *ctx, const struct descriptor *d, struct stream **ret,
		     struct error *err)
{
	struct copy_source *from = ctx;

	return from->blob(from, d, ret, err);
}

static int dest_blob(struct copy_target *base, struct copy_source *from,
		     const struct descriptor *d, struct error *err)
{
	struct registry_dest *to = (struct registry_dest *)base;
	const struct upload u = {
		.r = to->r,
		.host = to->host,
		.repository = to->path,
		.desc = d,
		.origin = from->origin,
		.open = open_blob,
		.ctx = from,
	};

	return upload_blob(&u, err);
}

static int dest_manifest(struct copy_target *base, const struct descriptor *d,
			 const struct buf *text, bool is_root,
			 struct error *err)
{
	struct registry_dest *to = (struct registry_dest *)base;
	const char *version = is_root && to->tag ? to->tag : d->digest.text;

	return push_manifest(to->r, to->host, to->path, text, d->media_type,
			     &d->digest, version, err);
}

int copy_to_registry(struct registry *r, const struct reference *ref,
		     struct copy_target **ret, struct error *err)
{
	struct registry_dest *to = calloc(1, sizeof(*to));
	AUTO(copy_target_free) struct copy_target *owned = NULL;

	if (!to)
		return error_nomem(err, "copying an image");
	owned = &to->base;
	to->base.blob = dest_blob;
	to->base.manifest = dest_manifest;
	to->base.free = dest_free;
	to->r = r;
	to->path = strdup(ref->path);
	to->tag = ref->tag ? strdup(ref->tag) : NULL;
	if (!to->path || !to->tag != !ref->tag)
		return error_nomem(err, "copying an image");
	if (client_host(r, ref->domain, &to->host, err) < 0)
		return -1;
	*ret = steal_pointer(&owned);
	return 0;
}
