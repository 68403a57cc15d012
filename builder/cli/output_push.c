/* Images on their way to registries. */
#include <pthread.h>
#include <string.h>

#include "builder/cli/output.h"
#include "registry/reference.h"
#include "store/base/parallel.h"
#include "store/blob.h"
#include "store/manifest.h"

/* Manifests and tags pushed at once. */
#define TAGS_AT_ONCE 4

/* Where an image is being pushed to. */
struct push_targets {
	struct session *s;
	struct reference *refs;
	size_t n;
};

static void push_targets_release(struct push_targets *t)
{
	size_t i;

	for (i = 0; t->refs && i < t->n; i++)
		reference_release(&t->refs[i]);
	free(t->refs);
}
DEFINE_RELEASE(struct push_targets, push_targets_release);

static int parse_targets(struct push_targets *t, const struct strv *names,
			 struct error *err)
{
	t->refs = calloc(names->len + 1, sizeof(*t->refs));
	if (!t->refs)
		return error_nomem(err, "pushing an image");
	for (; t->n < names->len; t->n++)
		if (reference_parse(names->items[t->n], &t->refs[t->n], err) <
		    0)
			return -1;
	return 0;
}

/* What nobody has compressed yet is sent while it is compressed. */
static int send_layer(void *ctx, struct layer *l,
		      const struct layer_format *format, struct descriptor *ret,
		      struct digest *diff_id, struct error *err)
{
	const struct push_targets *t = ctx;

	return registry_send_layer(t->s->registry, t->s->batch, l, format,
				   t->refs, t->n, ret, diff_id, err);
}

/* A layer that is ready is sent while others are still being compressed. */
static int push_layer(void *ctx, struct layer *l, const struct descriptor *blob,
		      struct error *err)
{
	const struct push_targets *t = ctx;

	return registry_push_layer(t->s->registry, t->s->batch, l, blob,
				   t->refs, t->n, err);
}

/* What is left: config, manifest and tag. */
struct tagging {
	const struct push_targets *to;
	const struct strv *names;
	const struct descriptor *manifest;
};

static int push_tag(void *ctx, size_t i, struct error *err)
{
	const struct tagging *t = ctx;
	const struct session *s = t->to->s;

	if (registry_push(s->registry, s->batch, t->manifest, &t->to->refs[i],
			  err) < 0)
		return error_wrap(err, "pushing %s", t->names->items[i]);
	return 0;
}

static int push_targets_init(struct push_targets *t, struct session *s,
			     const struct strv *names, struct error *err)
{
	*t = (struct push_targets){ .s = s };
	if (!names->len)
		return error_set(err, ERROR_USAGE,
				 "nothing to push to: name the image with -t "
				 "or name=");
	return parse_targets(t, names, err);
}

/*
 * The image's manifest; its layers are where it goes afterwards. `keep`: from
 * the store, where what had to be compressed stays.
 */
static int push_layers(struct push_targets *to, struct image *image,
		       const struct layer_format *format, bool keep,
		       const json_t *annotations, struct descriptor *ret,
		       struct error *err)
{
	const struct image_watch watch = { .make = keep ? NULL : send_layer,
					   .layer = push_layer,
					   .ctx = to };

	return image_manifest_watched(to->s->batch, image, format, false,
				      annotations, &watch, ret, err);
}

static int push_tags(const struct push_targets *to, const struct strv *names,
		     const struct descriptor *manifest, struct error *err)
{
	struct tagging t = { to, names, manifest };

	return parallel_for(to->n, TAGS_AT_ONCE, push_tag, &t, err);
}

/* ---- ahead of the image ---- */

struct push_ahead {
	struct push_targets to;
	struct image_watch watch;
	pthread_mutex_t lock;
	struct error why; /* the first failure, if there was one */
};

static bool ahead_failed(struct push_ahead *a, struct error *why)
{
	bool failed;

	pthread_mutex_lock(&a->lock);
	failed = a->why.kind != ERROR_NONE;
	if (failed)
		*why = a->why;
	pthread_mutex_unlock(&a->lock);
	return failed;
}

static void note_failure(struct push_ahead *a, const struct error *why)
{
	pthread_mutex_lock(&a->lock);
	if (a->why.kind == ERROR_NONE)
		a->why = *why;
	pthread_mutex_unlock(&a->lock);
}

static int send_ahead(void *ctx, struct layer *l,
		      const struct layer_format *format, struct descriptor *ret,
		      struct digest *diff_id, struct error *err)
{
	struct push_ahead *a = ctx;
	int done;

	if (ahead_failed(a, err))
		return 0;
	done = send_layer(&a->to, l, format, ret, diff_id, err);
	if (done >= 0 || err->kind == ERROR_CANCELED)
		return done;
	note_failure(a, err);
	return 0;
}

int push_ahead_new(struct session *s, const struct strv *names,
		   struct push_ahead **ret, struct error *err)
{
	AUTO(push_ahead_free) struct push_ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return error_nomem(err, "pushing an image");
	pthread_mutex_init(&a->lock, NULL);
	a->watch = (struct image_watch){ .make = send_ahead, .ctx = a };
	if (push_targets_init(&a->to, s, names, err) < 0)
		return -1;
	*ret = steal_pointer(&a);
	return 0;
}

void push_ahead_free(struct push_ahead *a)
{
	if (!a)
		return;
	push_targets_release(&a->to);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

const struct image_watch *push_ahead_watch(struct push_ahead *a)
{
	return &a->watch;
}

/* ---- images ---- */

static int push_to(struct push_targets *to, struct image *image,
		   const struct output_push *how, struct descriptor *ret,
		   struct error *err)
{
	if ((how->ahead && ahead_failed(how->ahead, err)) ||
	    push_layers(to, image, how->format, how->keep, how->annotations,
			ret, err) < 0)
		return error_wrap(err, "pushing %s", how->names->items[0]);
	return push_tags(to, how->names, ret, err);
}

int output_push(struct session *s, struct image *image,
		const struct output_push *how, struct digest *manifest,
		struct error *err)
{
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	AUTO(push_targets_release) struct push_targets to = { 0 };

	if (push_targets_init(&to, s, how->names, err) < 0 ||
	    push_to(&to, image, how, &desc, err) < 0)
		return -1;
	*manifest = desc.digest;
	return batch_publish(s->batch, err);
}

/* ---- indexes ---- */

/* An index may hold images of both kinds: none is changed for it. */
static int push_item(struct push_targets *to, struct image *image,
		     const struct layer_format *format, struct descriptor *ret,
		     struct error *err)
{
	struct layer_format kept = *format;

	kept.docker |= image_came_as_docker(to->s->batch, image);
	return push_layers(to, image, &kept, false, NULL, ret, err);
}

static void items_release(struct manifest *index)
{
	for (size_t i = 0; index->items && i < index->n_items; i++)
		descriptor_release(&index->items[i]);
	free(index->items);
}
DEFINE_RELEASE(struct manifest, items_release);

static int put_index(struct session *s, const struct manifest *index,
		     struct descriptor *ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (manifest_serialize(index, &text, err) < 0 ||
	    blob_put(s->batch, text.data, text.len, &ret->digest, err) < 0)
		return -1;
	ret->media_type = strdup(index->media_type);
	ret->size = (int64_t)text.len;
	return ret->media_type ? 0 : error_nomem(err, "pushing an index");
}

int output_push_index(struct session *s, struct image *const *images, size_t n,
		      const struct strv *names,
		      const struct layer_format *format,
		      const json_t *annotations, struct digest *manifest,
		      struct error *err)
{
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	AUTO(push_targets_release) struct push_targets to = { 0 };
	AUTO(items_release)
	struct manifest index = {
		.media_type = (char *)(format->docker ? MEDIA_DOCKER_INDEX
						      : MEDIA_OCI_INDEX),
		.is_index = true,
		/* Only read. */
		.annotations = (json_t *)annotations,
	};

	index.items = calloc(n + 1, sizeof(*index.items));
	if (!index.items)
		return error_nomem(err, "pushing an index");
	if (push_targets_init(&to, s, names, err) < 0)
		return -1;
	for (; index.n_items < n; index.n_items++)
		if (push_item(&to, images[index.n_items], format,
			      &index.items[index.n_items], err) < 0)
			return error_wrap(err, "pushing %s", names->items[0]);
	if (put_index(s, &index, &desc, err) < 0 ||
	    push_tags(&to, names, &desc, err) < 0)
		return -1;
	*manifest = desc.digest;
	return batch_publish(s->batch, err);
}
