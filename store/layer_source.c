/* The bytes of a layer, wherever they are. */
#include <string.h>

#include "store/blob.h"
#include "store/layer_internal.h"

static int open_blob(struct layer *l, const struct descriptor *desc,
		     struct stream **ret, struct error *err)
{
	int fd = blob_open(batch_store(l->batch), l->batch, &desc->digest, NULL,
			   err);

	if (fd < 0)
		return -1;
	return stream_from_fd(fd, true, 0, (uint64_t)desc->size, ret, err);
}

static int open_remote(struct layer *l, struct stream **ret, struct error *err)
{
	const struct store_fetcher *f =
		store_get_fetcher(batch_store(l->batch));

	if (!f)
		return error_set(err, ERROR_NOT_FOUND,
				 "layer %s has to be fetched from %s",
				 l->diff_id.text, l->origin);
	return f->fetch(f->ctx, l->origin, &l->remote, ret, err);
}

/*
 * Verified by the descriptor's digest, then decompressed and (`hash`) hashed,
 * each on a thread of its own beside whoever extracts the result.
 */
static int decompress(struct stream *raw, const struct descriptor *desc,
		      struct stream **hash, struct stream **ret,
		      struct error *err)
{
	struct stream *s;

	if (stream_verify(raw, desc->size, &desc->digest, &s, err) < 0 ||
	    stream_ahead(s, &s, err) < 0 ||
	    stream_decompress(s, NULL, &s, err) < 0)
		return -1;
	if (hash) {
		if (stream_hash(s, &s, err) < 0)
			return -1;
		*hash = s;
	}
	return stream_ahead(s, ret, err);
}

static int open_tar(int fd, uint64_t size, struct stream **hash,
		    struct stream **ret, struct error *err)
{
	if (stream_from_fd(fd, true, 0, size, ret, err) < 0)
		return -1;
	if (!hash)
		return 0;
	if (stream_hash(*ret, ret, err) < 0)
		return -1;
	*hash = *ret;
	return 0;
}

static int open_source(struct layer *l, struct stream **hash,
		       struct stream **ret, struct error *err)
{
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	struct stream *raw;
	uint64_t size;
	int found, fd = layer_open_tar(l, &size, err);

	if (fd >= 0)
		return open_tar(fd, size, hash, ret, err);
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	found = layer_find_blob(l, &desc, err);
	if (found < 0)
		return -1;
	if (found)
		return open_blob(l, &desc, &raw, err) < 0
			       ? -1
			       : decompress(raw, &desc, hash, ret, err);
	if (!l->has_remote && layer_read_remote_record(l, err) < 0)
		return -1;
	if (!l->has_remote)
		return error_set(err, ERROR_NOT_FOUND,
				 "layer %s is not in the store",
				 l->diff_id.text);
	if (open_remote(l, &raw, err) < 0)
		return -1;
	return decompress(raw, &l->remote, hash, ret, err);
}

int layer_open_source(struct layer *l, struct stream **ret, struct error *err)
{
	return open_source(l, NULL, ret, err);
}

int layer_open_hashed(struct layer *l, struct stream **hash,
		      struct stream **ret, struct error *err)
{
	return open_source(l, hash, ret, err);
}

/* A tree's stream is packed into a file that goes when it is closed. */
static int stream_from_tree(struct layer *l, struct stream **ret,
			    struct error *err)
{
	AUTO(sink_free) struct sink *sink = NULL;
	autoclose int fd = batch_fresh_file(l->batch, "stream", NULL, err);

	if (fd < 0)
		return -1;
	if (sink_to_fd(fd, "a layer's tar", &sink, err) < 0 ||
	    layer_pack(l, NULL, sink, err) < 0)
		return -1;
	return stream_from_fd(steal_fd(&fd), true, 0, UINT64_MAX, ret, err);
}

static int open_stream(struct layer *l, struct stream **ret, struct error *err)
{
	if (!l->has_diff_id && layer_need_diff_id(l, err) < 0)
		return -1;
	if (layer_open_source(l, ret, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND || !l->snapshot)
		return -1;
	return stream_from_tree(l, ret, err);
}

int layer_stream(struct layer *l, struct stream **ret, struct error *err)
{
	struct stream *raw;
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = open_stream(l, &raw, err);
	if (rc == 0)
		rc = stream_verify(raw, -1, &l->diff_id, ret, err);
	pthread_mutex_unlock(&l->lock);
	return rc;
}
