#include <string.h>

#include "store/base/parallel.h"
#include "store/blob.h"
#include "store/image_internal.h"

/* Making the layers of a manifest. */
struct making {
	struct image *img;
	const struct layer_format *format;
	bool fetch;
	const struct image_watch *watch; /* or NULL */
	struct descriptor *layers;
	struct digest *diff_ids;
};

/*
 * A foreign image's layer keeps its bytes but is told in the terms of the
 * manifest it gets into.
 */
static int rename_type(struct descriptor *d, bool docker, struct error *err)
{
	static const enum compression_kind kinds[] = { COMPRESSION_NONE,
						       COMPRESSION_GZIP,
						       COMPRESSION_ZSTD };
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *wanted = media_type_for_layer(kinds[i], docker);
		char *copy;

		if (strcmp(d->media_type,
			   media_type_for_layer(kinds[i], !docker)))
			continue;
		copy = strdup(wanted);
		if (!copy)
			return error_nomem(err, "making a manifest");
		free(d->media_type);
		d->media_type = copy;
		return 0;
	}
	return 0;
}

/* 1: elsewhere; 0: in the store. */
static int make_blob(const struct making *m, size_t i,
		     const struct layer_format *format, struct error *err)
{
	struct layer *l = m->img->layers[i];
	int done = image_layer_elsewhere(m->watch, l, format, &m->layers[i],
					 &m->diff_ids[i], err);

	return done ? done
		    : layer_blob(l, format, m->fetch, &m->layers[i],
				 &m->diff_ids[i], err);
}

static int make_layer(void *ctx, size_t i, struct error *err)
{
	struct making *m = ctx;
	struct layer_format format = *m->format;
	struct descriptor *made = &m->layers[i];
	int elsewhere;

	if (i < m->img->n_base_layers)
		format.clamp = NULL;
	elsewhere = make_blob(m, i, &format, err);
	if (elsewhere < 0)
		return error_wrap(err, "layer %zu", i + 1);
	made->has_platform = false;
	/* Docker manifests know no annotations. */
	if (format.docker) {
		json_decref(made->annotations);
		made->annotations = NULL;
	}
	if (rename_type(made, format.docker, err) < 0)
		return -1;
	return m->watch && !elsewhere
		       ? m->watch->layer(m->watch->ctx, m->img->layers[i], made,
					 err)
		       : 0;
}

/* Do the layers made differ from those the saved config names? */
static bool layers_changed(const struct making *m)
{
	struct error ignored;
	struct digest id;
	size_t i;

	for (i = 0; i < m->img->n_layers; i++)
		if (image_config_diff_id(m->img->config, i, &id, &ignored) <
			    0 ||
		    !digest_equal(&id, &m->diff_ids[i]))
			return true;
	return false;
}

/* The config blob for the manifest: the image's own unless layers changed. */
static int describe_config(struct batch *b, const struct making *m,
			   struct descriptor *config, struct error *err)
{
	AUTO(json_decref) json_t *changed = NULL;
	uint64_t size_bytes = 0;
	int ret;

	config->media_type = strdup(m->format->docker ? MEDIA_DOCKER_CONFIG
						      : MEDIA_OCI_CONFIG);
	if (!config->media_type)
		return error_nomem(err, "making a manifest");
	if (layers_changed(m)) {
		changed = json_deep_copy(m->img->config);
		if (!changed)
			return error_nomem(err, "making a manifest");
		ret = image_config_set_diff_ids(changed, m->diff_ids,
						m->img->n_layers, err);
		if (ret == 0)
			ret = image_put_config(b, changed, &config->digest,
					       &size_bytes, err);
	} else {
		int fd = blob_open(batch_store(b), b, &m->img->id, &size_bytes,
				   err);

		config->digest = m->img->id;
		ret = fd < 0 ? -1 : close(fd);
	}
	config->size = (int64_t)size_bytes;
	return ret;
}

static int put_manifest(struct batch *b, const struct manifest *m,
			struct descriptor *ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(descriptor_release) struct descriptor d = { 0 };

	if (manifest_serialize(m, &text, err) < 0)
		return -1;
	if (text.len > MANIFEST_MAX)
		return error_set(err, ERROR_REFUSED,
				 "the manifest would have %zu bytes, "
				 "registries accept %zu",
				 text.len, MANIFEST_MAX);
	d.media_type = strdup(m->media_type);
	d.size = (int64_t)text.len;
	if (!d.media_type)
		return error_nomem(err, "making a manifest");
	if (blob_put(b, text.data, text.len, &d.digest, err) < 0)
		return -1;
	*ret = d;
	d = (struct descriptor){ 0 };
	return 0;
}

/* Write the manifest for the layers made. */
static int assemble(struct batch *b, const struct making *m,
		    const json_t *annotations, struct descriptor *ret,
		    struct error *err)
{
	bool docker = m->format->docker;
	struct manifest doc = {
		.items = m->layers,
		.n_items = m->img->n_layers,
		/* Both are only read. Docker manifests know no annotations. */
		.media_type = (char *)(docker ? MEDIA_DOCKER_MANIFEST
					      : MEDIA_OCI_MANIFEST),
		.annotations = docker ? NULL : (json_t *)annotations,
	};
	struct descriptor made;
	struct platform platform;
	int status;

	status = image_config_platform(m->img->config, &platform, err);
	if (status == 0)
		status = describe_config(b, m, &doc.config, err);
	if (status == 0)
		status = put_manifest(b, &doc, &made, err);
	descriptor_release(&doc.config);
	if (status < 0)
		return -1;
	made.has_platform = true;
	made.platform = platform;
	*ret = made;
	return 0;
}

/*
 * The manifest the image was pulled as, when the new one would say nothing
 * else: 1 and `*ret`, or 0. An image passed on keeps its digest.
 */
static int original_manifest(struct batch *b, const struct making *m,
			     const json_t *annotations, struct descriptor *ret)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *old = NULL;
	struct error ignored;
	size_t i;

	if (!digest_is_set(&m->img->manifest) || annotations ||
	    layers_changed(m))
		return 0;
	if (blob_read(batch_store(b), b, &m->img->manifest, MANIFEST_MAX, &text,
		      &ignored) < 0 ||
	    manifest_parse(text.data, text.len, NULL, &old, &ignored) < 0)
		return 0;
	if (old->is_index || old->n_items != m->img->n_layers ||
	    !digest_equal(&old->config.digest, &m->img->id) ||
	    m->format->docker !=
		    !strcmp(old->media_type, MEDIA_DOCKER_MANIFEST))
		return 0;
	for (i = 0; i < old->n_items; i++)
		if (!digest_equal(&old->items[i].digest, &m->layers[i].digest))
			return 0;
	if (image_config_platform(m->img->config, &ret->platform, &ignored) < 0)
		return 0;
	ret->has_platform = true;
	ret->digest = m->img->manifest;
	ret->size = (int64_t)text.len;
	ret->annotations = NULL;
	ret->media_type = steal_pointer(&old->media_type);
	return 1;
}

static int make_manifest(struct batch *b, struct making *m,
			 const json_t *annotations, struct descriptor *ret,
			 struct error *err)
{
	struct image *img = m->img;

	if (!digest_is_set(&img->id) && image_save(b, img, m->format, err) < 0)
		return -1;
	if (parallel_for(img->n_layers, IMAGE_LAYERS_AT_ONCE, make_layer, m,
			 err) < 0)
		return -1;
	if (original_manifest(b, m, annotations, ret))
		return 0;
	return assemble(b, m, annotations, ret, err);
}

int image_manifest_watched(struct batch *b, struct image *img,
			   const struct layer_format *format, bool fetch,
			   const json_t *annotations,
			   const struct image_watch *watch,
			   struct descriptor *ret, struct error *err)
{
	struct making m = {
		.img = img, .format = format, .fetch = fetch, .watch = watch
	};
	size_t i;
	int status;

	m.layers = calloc(img->n_layers + 1, sizeof(*m.layers));
	m.diff_ids = calloc(img->n_layers + 1, sizeof(*m.diff_ids));
	if (m.layers && m.diff_ids)
		status = make_manifest(b, &m, annotations, ret, err);
	else
		status = error_nomem(err, "making a manifest");
	for (i = 0; m.layers && i < img->n_layers; i++)
		descriptor_release(&m.layers[i]);
	free(m.layers);
	free(m.diff_ids);
	return status < 0 ? error_wrap(err, "making a manifest") : 0;
}

int image_manifest(struct batch *b, struct image *img,
		   const struct layer_format *format, bool fetch,
		   const json_t *annotations, struct descriptor *ret,
		   struct error *err)
{
	return image_manifest_watched(b, img, format, fetch, annotations, NULL,
				      ret, err);
}
