/* Layers sent ahead of the manifest that will refer to them. */
#include <string.h>

#include "registry/push.h"
#include "registry/upload.h"
#include "store/base/parallel.h"

/* One layer on its way to several repositories. */
struct layer_push {
	struct registry *r;
	struct batch *b;
	const struct descriptor *blob;
	const char *origin; /* or NULL */
	const struct reference *to;
};

static int push_one(void *ctx, size_t i, struct error *err)
{
	const struct layer_push *p = ctx;
	struct upload u = {
		.r = p->r,
		.repository = p->to[i].path,
		.b = p->b,
		.desc = p->blob,
		.origin = p->origin,
	};

	if (client_host(p->r, p->to[i].domain, &u.host, err) < 0)
		return -1;
	return upload_blob(&u, err);
}

int registry_push_layer(struct registry *r, struct batch *b, struct layer *l,
			const struct descriptor *blob,
			const struct reference *to, size_t n, struct error *err)
{
	struct layer_push p = { .r = r,
				.b = b,
				.blob = blob,
				.origin = push_origin(l, blob),
				.to = to };

	/* What may not be sent at all is sorted out with the manifest. */
	if (media_type_is_foreign(blob->media_type))
		return 0;
	return parallel_for(n, r->options.parallel, push_one, &p, err);
}

static bool is_one_host(const struct reference *to, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(to[i].domain, to[0].domain) != 0)
			return false;
	return true;
}

/* To the first repository; from there the others can mount it. */
static int send_first(struct registry *r, struct batch *b, struct layer *l,
		      const struct layer_format *format,
		      const struct layer_sent *known,
		      const struct reference *to, struct descriptor *ret,
		      struct digest *diff_id, struct error *err)
{
	struct upload u = {
		.r = r,
		.repository = to->path,
		.b = b,
		.desc = known ? &known->desc : NULL,
		.diff_id = known ? &known->diff_id : NULL,
		.origin = known ? known->origin : NULL,
		.layer = l,
		.format = format,
	};

	if (client_host(r, to->domain, &u.host, err) < 0)
		return -1;
	return upload_layer(&u, ret, diff_id, err);
}

static int send_to_all(struct registry *r, struct batch *b, struct layer *l,
		       const struct layer_format *format,
		       const struct layer_sent *known,
		       const struct reference *to, size_t n,
		       struct descriptor *ret, struct digest *diff_id,
		       struct error *err)
{
	AUTO(descriptor_release) struct descriptor made = { 0 };
	autofree char *first = NULL;
	struct layer_push p = { .r = r, .b = b, .blob = &made, .to = to + 1 };

	if (send_first(r, b, l, format, known, to, &made, diff_id, err) < 0)
		return -1;
	p.origin = first = reference_repository(to, err);
	if (!first ||
	    parallel_for(n - 1, r->options.parallel, push_one, &p, err) < 0)
		return -1;
	*ret = made;
	made = (struct descriptor){ 0 };
	return 0;
}

int registry_send_layer(struct registry *r, struct batch *b, struct layer *l,
			const struct layer_format *format,
			const struct reference *to, size_t n,
			struct descriptor *ret, struct digest *diff_id,
			struct error *err)
{
	AUTO(layer_sent_release) struct layer_sent known = { 0 };
	enum layer_blob_place place;

	if (!n || !is_one_host(to, n))
		return 0;
	if (layer_find_place(l, format, &place, &known, err) < 0)
		return -1;
	if (place == LAYER_BLOB_HELD)
		return 0;
	return send_to_all(r, b, l, format,
			   place == LAYER_BLOB_SENT ? &known : NULL, to, n, ret,
			   diff_id, err) < 0
		       ? -1
		       : 1;
}
