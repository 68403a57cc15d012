/* The blob form of a layer as it goes away, never kept. */
#include <string.h>

#include "store/layer_internal.h"

struct sending {
	struct stream base;
	struct layer *l;
	struct layer_format format;
	bool ours;
	struct stream *made; /* hashed as it is read */
	struct digest diff_id;
};

/* On its own thread; the layer is kept until all of it was read. */
static int make(void *ctx, struct sink *to, struct error *err)
{
	struct sending *s = ctx;
	int status;

	pthread_mutex_lock(&s->l->lock);
	status =
		layer_compress(s->l, &s->format, s->ours, to, &s->diff_id, err);
	pthread_mutex_unlock(&s->l->lock);
	return status;
}

static ssize_t send_read(struct stream *base, void *data, size_t len,
			 struct error *err)
{
	return stream_read(((struct sending *)base)->made, data, len, err);
}

static void send_free(struct stream *base)
{
	struct sending *s = (struct sending *)base;

	stream_free(s->made);
	layer_unref(s->l);
	free(s);
}

static int is_ours(struct layer *l, struct error *err)
{
	int ours;

	pthread_mutex_lock(&l->lock);
	ours = layer_is_ours(l, err);
	pthread_mutex_unlock(&l->lock);
	return ours;
}

int layer_send(struct layer *l, const struct layer_format *format,
	       struct stream **ret, struct error *err)
{
	AUTO(stream_free) struct stream *owned = NULL;
	int ours = is_ours(l, err);
	struct sending *s;
	struct stream *raw;

	if (ours < 0)
		return -1;
	s = calloc(1, sizeof(*s));
	if (!s)
		return error_nomem(err, "sending a layer");
	owned = &s->base;
	s->base.read = send_read;
	s->base.free = send_free;
	s->l = layer_ref(l);
	s->format = *format;
	s->ours = ours || format->clamp; /* as for layer_blob() */
	if (stream_produce(make, s, &raw, err) < 0 ||
	    stream_hash(raw, &s->made, err) < 0)
		return -1;
	*ret = steal_pointer(&owned);
	return 0;
}

static int describe(const struct sending *s, struct descriptor *ret,
		    struct error *err)
{
	uint64_t size;

	stream_hash_result(s->made, &ret->digest, &size);
	ret->size = (int64_t)size;
	ret->media_type = strdup(media_type_for_layer(
		s->format.compression.kind, s->format.docker));
	return ret->media_type ? 0 : error_nomem(err, "sending a layer");
}

int layer_send_result(struct stream *base, const char *origin,
		      struct descriptor *ret, struct digest *diff_id,
		      struct error *err)
{
	struct sending *s = (struct sending *)base;
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	int status;

	if (describe(s, &desc, err) < 0)
		return -1;
	pthread_mutex_lock(&s->l->lock);
	status = layer_write_sent_record(s->l, &s->format, &desc, &s->diff_id,
					 origin, err);
	pthread_mutex_unlock(&s->l->lock);
	if (status < 0)
		return -1;
	*diff_id = s->diff_id;
	*ret = desc;
	desc = (struct descriptor){ 0 };
	return 0;
}

void layer_sent_release(struct layer_sent *s)
{
	descriptor_release(&s->desc);
	free(s->origin);
}

/* The lock is held. */
static int find_place(struct layer *l, const struct layer_format *format,
		      enum layer_blob_place *place, struct layer_sent *ret,
		      struct error *err)
{
	AUTO(descriptor_release) struct descriptor held = { 0 };
	int found, ours = layer_is_ours(l, err);

	*place = LAYER_BLOB_UNMADE;
	if (ours < 0)
		return -1;
	if (!l->has_diff_id)
		return 0;
	/* With other times it is another layer, whose blob nobody finds. */
	found = format->clamp
			? 0
			: layer_find_format(l, format, ours, false, &held, err);
	if (found)
		*place = LAYER_BLOB_HELD;
	if (found)
		return found < 0 ? -1 : 0;
	found = layer_read_sent_record(l, format, ret, err);
	if (found > 0)
		*place = LAYER_BLOB_SENT;
	return found > 0 ? layer_set_media_type(&ret->desc, format->docker, err)
			 : found;
}

int layer_find_place(struct layer *l, const struct layer_format *format,
		     enum layer_blob_place *place, struct layer_sent *ret,
		     struct error *err)
{
	int status;

	pthread_mutex_lock(&l->lock);
	status = find_place(l, format, place, ret, err);
	pthread_mutex_unlock(&l->lock);
	return status;
}
