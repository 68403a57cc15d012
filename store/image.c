#include "store/image.h"

#include <string.h>

#include "store/base/parallel.h"
#include "store/blob.h"
#include "store/image_internal.h"

int image_new(json_t *config, struct image **ret, struct error *err)
{
	struct image *img = calloc(1, sizeof(*img));

	if (!img) {
		json_decref(config);
		return error_nomem(err, "making an image");
	}
	img->config = config;
	*ret = img;
	return 0;
}

void image_free(struct image *img)
{
	size_t i;

	if (!img)
		return;
	for (i = 0; i < img->n_layers; i++)
		layer_unref(img->layers[i]);
	free(img->layers);
	json_decref(img->config);
	free(img);
}

int image_add_layer(struct image *img, struct layer *l, struct error *err)
{
	struct layer **layers = realloc(
		img->layers, (img->n_layers + 1) * sizeof(*img->layers));

	if (!layers)
		return error_nomem(err, "making an image");
	img->layers = layers;
	img->layers[img->n_layers++] = layer_ref(l);
	return 0;
}

int image_put_config(struct batch *b, const json_t *config, struct digest *id,
		     uint64_t *size_bytes, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (image_config_serialize(config, &text, err) < 0)
		return -1;
	*size_bytes = text.len;
	return blob_put(b, text.data, text.len, id, err);
}

/* Learning the diffIDs of an image's layers. */
struct naming {
	struct image *img;
	const struct layer_format *format; /* or NULL */
	const struct image_watch *watch;   /* or NULL */
	struct digest *ids;
};

int image_layer_elsewhere(const struct image_watch *w, struct layer *l,
			  const struct layer_format *format,
			  struct descriptor *ret, struct digest *diff_id,
			  struct error *err)
{
	return w && w->make ? w->make(w->ctx, l, format, ret, diff_id, err) : 0;
}

/* One layer, read at most once. */
static int name_layer(void *ctx, size_t i, struct error *err)
{
	struct naming *n = ctx;
	struct layer *l = n->img->layers[i];
	AUTO(descriptor_release) struct descriptor blob = { 0 };
	int done = image_layer_elsewhere(n->watch, l, n->format, &blob,
					 &n->ids[i], err);

	if (done)
		return done < 0 ? -1 : 0;
	/* A clamped blob is of another diffID than the config names. */
	if (!n->format || n->format->clamp || layer_has_diff_id(l))
		return layer_diff_id(l, &n->ids[i], err);
	return layer_blob(l, n->format, false, &blob, &n->ids[i], err);
}

int image_save_watched(struct batch *b, struct image *img,
		       const struct layer_format *format,
		       const struct image_watch *watch, struct error *err)
{
	autofree struct digest *ids = calloc(img->n_layers + 1, sizeof(*ids));
	struct naming n = {
		.img = img, .format = format, .watch = watch, .ids = ids
	};
	size_t at_once = watch ? IMAGE_LAYERS_AT_ONCE : parallel_cpus();
	uint64_t size_bytes;

	if (!ids)
		return error_nomem(err, "saving an image");
	if (parallel_for(img->n_layers, at_once, name_layer, &n, err) < 0 ||
	    image_config_set_diff_ids(img->config, ids, img->n_layers, err) < 0)
		return -1;
	return image_put_config(b, img->config, &img->id, &size_bytes, err);
}

int image_save(struct batch *b, struct image *img,
	       const struct layer_format *format, struct error *err)
{
	return image_save_watched(b, img, format, NULL, err);
}

static int open_layers(struct batch *b, struct image *img, struct error *err)
{
	size_t n = image_config_n_layers(img->config), i;

	for (i = 0; i < n; i++) {
		AUTO(layer_unref) struct layer *layer = NULL;
		struct digest id;

		if (image_config_diff_id(img->config, i, &id, err) < 0)
			return -1;
		if (layer_by_diff_id(b, &id, &layer, err) < 0) {
			if (err->kind == ERROR_NOT_FOUND)
				err->kind = ERROR_INTEGRITY;
			return error_wrap(err, "layer %zu of %zu", i + 1, n);
		}
		if (image_add_layer(img, layer, err) < 0)
			return -1;
	}
	return 0;
}

int image_open(struct batch *b, const struct digest *id, struct image **ret,
	       struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(image_free) struct image *img = NULL;
	json_t *config;

	if (blob_read(batch_store(b), b, id, CONFIG_MAX, &text, err) < 0 ||
	    image_config_parse(text.data, text.len, &config, err) < 0 ||
	    image_new(config, &img, err) < 0)
		return error_wrap(err, "opening the image '%s'", id->text);
	if (open_layers(b, img, err) < 0)
		return error_wrap(err, "opening the image '%s'", id->text);
	img->id = *id;
	*ret = steal_pointer(&img);
	return 0;
}

bool image_came_as_docker(struct batch *b, const struct image *img)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *m = NULL;
	struct error ignored = ERROR_INIT;

	return digest_is_set(&img->manifest) &&
	       blob_read(batch_store(b), b, &img->manifest, MANIFEST_MAX, &text,
			 &ignored) == 0 &&
	       manifest_parse(text.data, text.len, NULL, &m, &ignored) == 0 &&
	       !strcmp(m->media_type, MEDIA_DOCKER_MANIFEST);
}
