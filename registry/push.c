/* Pushing: a manifest with all it refers to, blobs first, the tag last. */
#include "registry/push.h"

#include <string.h>

#include "registry/client.h"
#include "registry/request.h"
#include "registry/upload.h"
#include "store/base/parallel.h"
#include "store/blob.h"
#include "store/image.h"

#define MAX_DEPTH 4 /* of indexes in indexes */

struct push {
	struct registry *r;
	struct batch *b;
	const struct reference *ref;
	struct host *host;
};

/* The blobs of one manifest. */
struct blob_list {
	struct upload *items;
	size_t n;
	struct layer **layers; /* hold what items[].origin points into */
	size_t n_layers;
};

static void blob_list_release(struct blob_list *l)
{
	for (size_t i = 0; i < l->n_layers; i++)
		layer_unref(l->layers[i]);
	free(l->layers);
	free(l->items);
}
DEFINE_RELEASE(struct blob_list, blob_list_release);

/* ---- where layers come from ---- */

const char *push_origin(struct layer *l, const struct descriptor *blob)
{
	const struct descriptor *desc;
	const char *origin;

	if (!layer_remote(l, &desc, &origin) ||
	    !digest_equal(&desc->digest, &blob->digest))
		return NULL;
	return origin;
}

/*
 * Which layers of the store the manifest's layers are: its config lists their
 * diffIDs in the same order. What is no image has only blobs of its own.
 */
static int find_layers(const struct push *p, const struct manifest *m,
		       struct blob_list *l, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *config = NULL;
	struct error ignored = ERROR_INIT;

	l->layers = calloc(m->n_items + 1, sizeof(struct layer *));
	if (!l->layers)
		return error_nomem(err, "pushing an image");
	if (!media_type_is_config(m->config.media_type))
		return 0;
	if (blob_read(batch_store(p->b), p->b, &m->config.digest, CONFIG_MAX,
		      &text, err) < 0 ||
	    image_config_parse(text.data, text.len, &config, err) < 0)
		return -1;
	if (image_config_n_layers(config) != m->n_items)
		return 0;
	l->n_layers = m->n_items;
	for (size_t i = 0; i < m->n_items; i++) {
		struct digest diff_id;

		if (image_config_diff_id(config, i, &diff_id, err) < 0)
			return -1;
		if (layer_by_diff_id(p->b, &diff_id, &l->layers[i], &ignored) <
		    0)
			l->layers[i] = NULL;
	}
	return 0;
}

/* ---- blobs ---- */

static bool is_listed(const struct blob_list *l, const struct digest *digest)
{
	for (size_t i = 0; i < l->n; i++)
		if (digest_equal(&l->items[i].desc->digest, digest))
			return true;
	return false;
}

static void list_blob(const struct push *p, struct blob_list *l,
		      const struct descriptor *desc, struct layer *layer)
{
	if (is_listed(l, &desc->digest))
		return;
	/* Foreign layers may only be referred to. */
	if (media_type_is_foreign(desc->media_type) &&
	    !blob_exists(batch_store(p->b), p->b, &desc->digest))
		return;
	l->items[l->n++] = (struct upload){
		.r = p->r,
		.host = p->host,
		.repository = p->ref->path,
		.b = p->b,
		.desc = desc,
		.origin = layer ? push_origin(layer, desc) : NULL,
	};
}

static int list_blobs(const struct push *p, const struct manifest *m,
		      struct blob_list *l, struct error *err)
{
	l->items = calloc(m->n_items + 1, sizeof(*l->items));
	if (!l->items)
		return error_nomem(err, "pushing an image");
	if (find_layers(p, m, l, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n_items; i++)
		list_blob(p, l, &m->items[i],
			  i < l->n_layers ? l->layers[i] : NULL);
	list_blob(p, l, &m->config, NULL);
	return 0;
}

static int upload_job(void *ctx, size_t i, struct error *err)
{
	const struct blob_list *l = ctx;

	return upload_blob(&l->items[i], err);
}

static int push_blobs(const struct push *p, const struct manifest *m,
		      struct error *err)
{
	AUTO(blob_list_release) struct blob_list l = { 0 };

	if (list_blobs(p, m, &l, err) < 0)
		return -1;
	return parallel_for(l.n, p->r->options.parallel, upload_job, &l, err);
}

/* ---- manifests ---- */

static int open_text(void *ctx, struct stream **ret, struct error *err)
{
	const struct buf *text = ctx;

	return stream_from_memory(text->data, text->len, ret, err);
}

/* The registry computes the digest too; it must come to the same. */
static int check_told_digest(const struct reply *reply,
			     const struct digest *digest, struct error *err)
{
	const char *told =
		http_header(&reply->x->headers, "Docker-Content-Digest");

	if (!told || strncmp(told, "sha256:", 7) != 0 ||
	    !strcmp(told, digest->text))
		return 0;
	return error_set(err, ERROR_INTEGRITY,
			 "PUT %s%s: the registry stored %.100s, not %s",
			 reply->url.authority, reply->url.path, told,
			 digest->text);
}

int push_manifest(struct registry *r, struct host *h, const char *repository,
		  const struct buf *text, const char *media_type,
		  const struct digest *digest, const char *version,
		  struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	AUTO(strv_release) struct strv fields = STRV_INIT;
	AUTO(buf_release) struct buf path = BUF_INIT, type = BUF_INIT;
	struct http_body body = { .size = (int64_t)text->len,
				  .open = open_text,
				  .ctx = (void *)text };
	struct request rq = {
		.method = "PUT",
		.access = { .repository = repository, .push = true },
		.fields = &fields,
		.body = &body,
	};

	buf_printf(&path, "/v2/%s/manifests/%s", repository, version);
	buf_printf(&type, "Content-Type: %s", media_type);
	strv_take(&fields, buf_steal(&type));
	if (buf_check(&path, "pushing a manifest", err) < 0 ||
	    strv_check(&fields, "pushing a manifest", err) < 0)
		return -1;
	rq.path = path.data;
	if (request_send(r, h, &rq, &reply, err) < 0)
		return -1;
	return check_told_digest(&reply, digest, err);
}

static int push_tree(const struct push *p, const struct descriptor *desc,
		     const char *version, unsigned depth, struct error *err);

/* Each manifest of an index is known by its digest only. */
static int push_children(const struct push *p, const struct manifest *index,
			 unsigned depth, struct error *err)
{
	if (depth == MAX_DEPTH)
		return error_set(err, ERROR_REFUSED,
				 "indexes are nested deeper than %d",
				 MAX_DEPTH);
	for (size_t i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];

		if (push_tree(p, d, d->digest.text, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int push_tree(const struct push *p, const struct descriptor *desc,
		     const char *version, unsigned depth, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *m = NULL;
	int failed;

	if (blob_read(batch_store(p->b), p->b, &desc->digest, MANIFEST_MAX,
		      &text, err) < 0 ||
	    manifest_parse(text.data, text.len, desc->media_type, &m, err) < 0)
		return -1;
	failed = m->is_index ? push_children(p, m, depth, err)
			     : push_blobs(p, m, err);
	if (failed)
		return -1;
	return push_manifest(p->r, p->host, p->ref->path, &text, m->media_type,
			     &desc->digest, version, err);
}

int registry_push(struct registry *r, struct batch *b,
		  const struct descriptor *desc, const struct reference *ref,
		  struct error *err)
{
	struct push p = { .r = r, .b = b, .ref = ref };
	const char *version = ref->tag ? ref->tag : desc->digest.text;

	if (client_host(r, ref->domain, &p.host, err) < 0)
		return -1;
	return push_tree(&p, desc, version, 0, err);
}
