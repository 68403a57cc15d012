/* The blob form of a layer: found, fetched or compressed. */
#include <string.h>

#include "store/blob.h"
#include "store/layer_internal.h"

/* Pack, hash, compress and hash again, all in one reading. */
static int make_blob(struct layer *l, const struct layer_format *format,
		     bool ours, struct descriptor *ret, struct digest *diff_id,
		     struct error *err)
{
	AUTO(blob_writer_free) struct blob_writer *w = NULL;
	uint64_t size;

	if (blob_writer_new(l->batch, &w, err) < 0 ||
	    layer_compress(l, format, ours, blob_writer_sink(w), diff_id, err) <
		    0 ||
	    blob_writer_commit(w, NULL, -1, &ret->digest, &size, err) < 0)
		return -1;
	ret->size = (int64_t)size;
	ret->media_type =
		strdup(media_type_for_layer(format->compression.kind, false));
	return ret->media_type ? 0 : error_nomem(err, "compressing a layer");
}

/* Verified by digest and size as it is written. */
static int fetch_once(struct layer *l, struct error *err)
{
	const struct store_fetcher *f =
		store_get_fetcher(batch_store(l->batch));
	AUTO(blob_writer_free) struct blob_writer *w = NULL;
	AUTO(stream_free) struct stream *from = NULL;
	struct digest digest;
	uint64_t size;

	if (!f)
		return error_set(err, ERROR_NOT_FOUND,
				 "layer %s has to be fetched from %s",
				 l->diff_id.text, l->origin);
	if (blob_writer_new(l->batch, &w, err) < 0 ||
	    f->fetch(f->ctx, l->origin, &l->remote, &from, err) < 0 ||
	    stream_copy(from, blob_writer_sink(w), err) < 0)
		return -1;
	return blob_writer_commit(w, &l->remote.digest, l->remote.size, &digest,
				  &size, err);
}

static enum compression_kind kind_of(const char *media_type)
{
	if (strstr(media_type, "zstd"))
		return COMPRESSION_ZSTD;
	return strstr(media_type, "gzip") ? COMPRESSION_GZIP : COMPRESSION_NONE;
}

/* What came damaged is fetched once more. */
static int fetch_blob(struct layer *l, struct error *err)
{
	struct compression how = { .kind = kind_of(l->remote.media_type),
				   .level = COMPRESSION_LEVEL_DEFAULT };
	int rc = fetch_once(l, err);

	if (rc < 0 && err->kind == ERROR_INTEGRITY)
		rc = fetch_once(l, err);
	if (rc < 0)
		return error_wrap(err, "fetching layer %s",
				  l->remote.digest.text);
	return layer_write_blob_record(
		l, &l->diff_id, blob_form(how, false).text, &l->remote, err);
}

int layer_find_format(struct layer *l, const struct layer_format *format,
		      bool ours, bool fetch, struct descriptor *ret,
		      struct error *err)
{
	int found;

	found = layer_read_blob_record(
		l, blob_form(format->compression, true).text, ret, err);
	if (found || format->force || ours)
		return found;
	found = layer_find_blob(l, ret, err);
	if (found)
		return found;
	if (!l->has_remote && layer_read_remote_record(l, err) < 0)
		return -1;
	if (!l->has_remote)
		return 0;
	if (fetch && fetch_blob(l, err) < 0)
		return -1;
	return descriptor_copy(&l->remote, ret, err) < 0 ? -1 : 1;
}

int layer_is_ours(struct layer *l, struct error *err)
{
	uint64_t size;
	autoclose int fd = -1;

	if (!l->has_diff_id)
		return 1;
	if (!l->has_remote && layer_read_remote_record(l, err) < 0)
		return -1;
	if (l->has_remote)
		return 0;
	if (l->snapshot && strncmp(l->snapshot, "sha256-", 7) != 0)
		return 1;
	fd = layer_open_tar(l, &size, err);
	if (fd >= 0)
		return 1;
	return err->kind == ERROR_NOT_FOUND ? 0 : -1;
}

int layer_set_media_type(struct descriptor *d, bool docker, struct error *err)
{
	enum compression_kind kind = kind_of(d->media_type);
	char *media_type = strdup(media_type_for_layer(kind, docker));

	if (!media_type)
		return error_nomem(err, "describing a layer");
	free(d->media_type);
	d->media_type = media_type;
	return 0;
}

static int make(struct layer *l, const struct layer_format *format, bool ours,
		struct descriptor *ret, struct digest *diff_id,
		struct error *err)
{
	if (make_blob(l, format, ours, ret, diff_id, err) < 0)
		return -1;
	return layer_write_blob_record(
		l, diff_id, blob_form(format->compression, true).text, ret,
		err);
}

static int get_blob(struct layer *l, const struct layer_format *format,
		    bool fetch, struct descriptor *ret, struct digest *diff_id,
		    struct error *err)
{
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	int found = 0, ours = layer_is_ours(l, err);

	if (ours < 0)
		return -1;
	/*
	 * Who asks for other times says that the layer is a step's result; one
	 * that came out of somebody's cache is rewritten like our own.
	 */
	ours = ours || format->clamp;
	if (l->has_diff_id && !(ours && format->clamp)) {
		found = layer_find_format(l, format, ours, fetch, &desc, err);
		*diff_id = l->diff_id;
	}
	if (found < 0 ||
	    (!found && make(l, format, ours, &desc, diff_id, err) < 0) ||
	    layer_set_media_type(&desc, format->docker, err) < 0)
		return -1;
	*ret = desc;
	desc = (struct descriptor){ 0 };
	return 0;
}

int layer_blob(struct layer *l, const struct layer_format *format, bool fetch,
	       struct descriptor *ret, struct digest *diff_id,
	       struct error *err)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = get_blob(l, format, fetch, ret, diff_id, err);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

/* The diffID of a blob: read it through once. */
static int hash_contents(struct batch *b, const struct descriptor *desc,
			 struct digest *diff_id, uint64_t *size,
			 enum compression_kind *kind, struct error *err)
{
	AUTO(stream_free) struct stream *hash = NULL;
	struct stream *raw, *verified, *plain;
	char buf[65536];
	ssize_t n;
	int fd = blob_open(batch_store(b), b, &desc->digest, NULL, err);

	if (fd < 0 || stream_from_fd(fd, true, 0, UINT64_MAX, &raw, err) < 0 ||
	    stream_verify(raw, desc->size, &desc->digest, &verified, err) < 0 ||
	    stream_decompress(verified, kind, &plain, err) < 0 ||
	    stream_hash(plain, &hash, err) < 0)
		return -1;
	while ((n = stream_read(hash, buf, sizeof(buf), err)) > 0)
		;
	if (n < 0)
		return -1;
	stream_hash_result(hash, diff_id, size);
	return 0;
}

int layer_from_blob(struct batch *b, const struct descriptor *desc,
		    const struct digest *expected, struct layer **ret,
		    struct error *err)
{
	struct compression how = { .level = COMPRESSION_LEVEL_DEFAULT };
	struct layer *l;
	struct digest diff_id;
	uint64_t size;
	int rc;

	if (hash_contents(b, desc, &diff_id, &size, &how.kind, err) < 0)
		return error_wrap(err, "reading layer %s", desc->digest.text);
	if (expected && !digest_equal(expected, &diff_id))
		return error_set(err, ERROR_INTEGRITY,
				 "layer %s holds %s, but the config says %s",
				 desc->digest.text, diff_id.text,
				 expected->text);
	if (layer_alloc(b, &l, err) < 0 ||
	    layer_intern(l, &diff_id, ret, err) < 0)
		return -1;
	l = *ret;
	pthread_mutex_lock(&l->lock);
	l->size = (int64_t)size;
	rc = layer_write_blob_record(l, &diff_id, blob_form(how, false).text,
				     desc, err);
	pthread_mutex_unlock(&l->lock);
	if (rc < 0) {
		layer_unref(l);
		*ret = NULL;
	}
	return rc;
}
