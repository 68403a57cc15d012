/* Pulling: from a reference to an image in the store, layers still remote. */
#include <string.h>

#include "registry/client.h"
#include "registry/fetch.h"
#include "registry/manifest_get.h"
#include "store/blob.h"
#include "store/image.h"

static int get_by_reference(struct registry *r, const struct reference *ref,
			    struct manifest_text *ret, struct error *err)
{
	bool by_digest = digest_is_set(&ref->digest);
	const char *version = by_digest ? ref->digest.text : ref->tag;

	return manifest_get(r, ref->domain, ref->path, version,
			    by_digest ? &ref->digest : NULL, ret, err);
}

int registry_get_manifest(struct registry *r, const struct reference *ref,
			  struct buf *ret, char **media_type,
			  struct digest *digest, struct error *err)
{
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	AUTO(manifest_free) struct manifest *parsed = NULL;
	autofree char *type = NULL;

	if (get_by_reference(r, ref, &m, err) < 0 ||
	    manifest_parse(m.data.data ? m.data.data : "", m.data.len,
			   m.media_type, &parsed, err) < 0)
		return -1;
	type = strdup(parsed->media_type);
	buf_append(ret, m.data.data, m.data.len);
	if (!type || ret->failed)
		return error_nomem(err, "fetching a manifest");
	*media_type = steal_pointer(&type);
	*digest = m.digest;
	return 0;
}

/* ---- choosing from an index ---- */

static void no_such_platform(const struct manifest *index,
			     const struct platform *want, struct error *err)
{
	AUTO(buf_release) struct buf have = BUF_INIT;
	char text[PLATFORM_TEXT_SIZE];

	for (size_t i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];

		/* Attestations are listed as unknown/unknown. */
		if (!d->has_platform || !strcmp(d->platform.os, "unknown"))
			continue;
		buf_printf(&have, "%s%s", have.len ? ", " : "",
			   platform_format(&d->platform, text));
	}
	error_set(err, ERROR_NOT_FOUND,
		  "it has no image for platform %s, only for: %.1000s",
		  platform_format(want, text), have.data ? have.data : "none");
}

/* A manifest that the store may have already. */
static int get_chosen(struct registry *r, struct batch *b,
		      const struct reference *ref,
		      const struct descriptor *chosen,
		      struct manifest_text *ret, struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct buf *data = &ret->data;

	if (blob_exists(batch_store(b), b, &chosen->digest) &&
	    blob_read(batch_store(b), b, &chosen->digest, MANIFEST_MAX, data,
		      &ignored) == 0) {
		ret->digest = chosen->digest;
		return 0;
	}
	buf_release(data);
	return manifest_get(r, ref->domain, ref->path, chosen->digest.text,
			    &chosen->digest, ret, err);
}

static int parse_text(const struct manifest_text *text, const char *type,
		      struct manifest **ret, struct error *err)
{
	return manifest_parse(text->data.data ? text->data.data : "",
			      text->data.len, type, ret, err);
}

/*
 * From what the reference names to the platform's manifest: `text` is replaced
 * when it was an index.
 */
static int resolve(struct registry *r, struct batch *b,
		   const struct reference *ref, const struct platform *want,
		   struct manifest_text *text, struct manifest **ret,
		   struct error *err)
{
	AUTO(manifest_free) struct manifest *m = NULL, *inner = NULL;
	AUTO(manifest_text_release) struct manifest_text inner_text = { 0 };
	const struct descriptor *chosen;

	if (parse_text(text, text->media_type, &m, err) < 0)
		return -1;
	if (!m->is_index) {
		*ret = steal_pointer(&m);
		return 0;
	}
	chosen = manifest_select(m, want);
	if (!chosen) {
		no_such_platform(m, want, err);
		return -1;
	}
	if (get_chosen(r, b, ref, chosen, &inner_text, err) < 0 ||
	    parse_text(&inner_text, chosen->media_type, &inner, err) < 0)
		return -1;
	if (inner->is_index)
		return error_set(err, ERROR_REFUSED,
				 "its index holds another index");
	manifest_text_release(text);
	*text = inner_text;
	inner_text = (struct manifest_text){ 0 };
	*ret = steal_pointer(&inner);
	return 0;
}

/* ---- into the store ---- */

static int get_config(struct registry *r, struct batch *b,
		      const struct reference *ref, const struct descriptor *d,
		      json_t **ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error ignored = ERROR_INIT;
	bool have = blob_exists(batch_store(b), b, &d->digest) &&
		    blob_read(batch_store(b), b, &d->digest, CONFIG_MAX, &text,
			      &ignored) == 0;

	if (!have) {
		buf_clear(&text);
		if (fetch_small_blob(r, ref->domain, ref->path, d, CONFIG_MAX,
				     &text, err) < 0 ||
		    blob_put(b, text.data, text.len, NULL, err) < 0)
			return error_wrap(err, "its config");
	}
	return image_config_parse(text.data ? text.data : "", text.len, ret,
				  err);
}

static int add_layers(struct batch *b, const struct reference *ref,
		      const struct manifest *m, struct image *img,
		      struct error *err)
{
	autofree char *origin = reference_repository(ref, err);

	if (!origin)
		return -1;
	if (image_config_n_layers(img->config) != m->n_items)
		return error_set(err, ERROR_INTEGRITY,
				 "its config knows %zu layers, its manifest "
				 "%zu",
				 image_config_n_layers(img->config),
				 m->n_items);
	for (size_t i = 0; i < m->n_items; i++) {
		AUTO(layer_unref) struct layer *l = NULL;
		struct digest diff_id;

		if (image_config_diff_id(img->config, i, &diff_id, err) < 0 ||
		    layer_by_remote(b, &diff_id, &m->items[i], origin, &l,
				    err) < 0 ||
		    image_add_layer(img, l, err) < 0)
			return -1;
	}
	return 0;
}

static int check_is_image(const struct manifest *m, struct error *err)
{
	if (!media_type_is_config(m->config.media_type))
		return error_set(err, ERROR_REFUSED,
				 "it is no image: its config is '%.100s'",
				 m->config.media_type);
	for (size_t i = 0; i < m->n_items; i++)
		if (!media_type_is_layer(m->items[i].media_type))
			return error_set(err, ERROR_REFUSED,
					 "layer %zu is of an unknown type, "
					 "'%.100s'",
					 i, m->items[i].media_type);
	return 0;
}

static int open_image(struct registry *r, struct batch *b,
		      const struct reference *ref,
		      const struct manifest_text *text,
		      const struct manifest *m, struct image **ret,
		      struct error *err)
{
	AUTO(image_free) struct image *img = NULL;
	json_t *config = NULL;

	if (check_is_image(m, err) < 0 ||
	    get_config(r, b, ref, &m->config, &config, err) < 0 ||
	    image_new(config, &img, err) < 0)
		return -1;
	if (add_layers(b, ref, m, img, err) < 0 ||
	    blob_put(b, text->data.data, text->data.len, NULL, err) < 0)
		return -1;
	img->id = m->config.digest;
	img->manifest = text->digest;
	*ret = steal_pointer(&img);
	return 0;
}

int registry_pull(struct registry *r, struct batch *b,
		  const struct reference *ref, const struct platform *platform,
		  struct image **ret, struct error *err)
{
	AUTO(manifest_text_release) struct manifest_text text = { 0 };
	AUTO(manifest_free) struct manifest *m = NULL;

	if (get_by_reference(r, ref, &text, err) < 0 ||
	    resolve(r, b, ref, platform, &text, &m, err) < 0)
		return -1;
	return open_image(r, b, ref, &text, m, ret, err);
}
