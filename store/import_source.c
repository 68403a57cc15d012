#include "store/import_source.h"

#include <string.h>

#include "store/base/json.h"
#include "store/base/parallel.h"
#include "store/blob.h"

#define NESTING_MAX 4 /* indexes inside indexes */

int import_document(struct import_source *s, const struct digest *digest,
		    size_t max, struct buf *ret, struct error *err)
{
	if (s->adopt(s, digest, err) < 0)
		return -1;
	return blob_read(batch_store(s->batch), s->batch, digest, max, ret,
			 err);
}

/* Layers of one image, made known one by one on several threads. */
struct layers {
	struct batch *batch;
	const json_t *config;
	const struct descriptor *descriptors;
	struct layer **made;
	size_t n;
};

static void layers_release(struct layers *l)
{
	size_t i;

	for (i = 0; l->made && i < l->n; i++)
		layer_unref(l->made[i]);
	free(l->made);
}
DEFINE_RELEASE(struct layers, layers_release);

static int make_layer(void *ctx, size_t i, struct error *err)
{
	struct layers *l = ctx;
	struct digest diff_id;

	if (image_config_diff_id(l->config, i, &diff_id, err) < 0 ||
	    layer_from_blob(l->batch, &l->descriptors[i], &diff_id, &l->made[i],
			    err) < 0)
		return error_wrap(err, "layer %zu", i + 1);
	return 0;
}

static int adopt_layers(struct import_source *s,
			const struct descriptor *layers, size_t n,
			struct error *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!media_type_is_layer(layers[i].media_type))
			return error_set(err, ERROR_REFUSED,
					 "layer %zu is of type '%s': this is "
					 "no container image",
					 i + 1, layers[i].media_type);
		if (s->adopt(s, &layers[i].digest, err) < 0)
			return error_wrap(err, "layer %zu", i + 1);
	}
	return 0;
}

static int import_layers(struct import_source *s, const json_t *config,
			 const struct descriptor *layers, size_t n,
			 struct error *err)
{
	AUTO(layers_release)
	struct layers work = {
		.batch = s->batch,
		.config = config,
		.descriptors = layers,
		.n = n,
	};

	if (image_config_n_layers(config) != n)
		return error_set(err, ERROR_INTEGRITY,
				 "the image has %zu layers, its config names "
				 "%zu",
				 n, image_config_n_layers(config));
	if (adopt_layers(s, layers, n, err) < 0)
		return -1;
	work.made = calloc(n + 1, sizeof(*work.made));
	if (!work.made)
		return error_nomem(err, "importing an image");
	return parallel_for(n, parallel_cpus(), make_layer, &work, err);
}

int import_parts(struct import_source *s, const struct digest *config,
		 const struct descriptor *layers, size_t n, struct image **ret,
		 struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *parsed = NULL;

	if (import_document(s, config, CONFIG_MAX, &text, err) < 0)
		return error_wrap(err, "the image's config");
	if (image_config_parse(text.data, text.len, &parsed, err) < 0 ||
	    import_layers(s, parsed, layers, n, err) < 0)
		return -1;
	return image_open(s->batch, config, ret, err);
}

/*
 * Follow indexes down to a manifest. `d` names where to start; on success the
 * manifest's digest is left in `*digest`.
 */
static int find_manifest(struct import_source *s, const struct descriptor *d,
			 const struct platform *want, struct manifest **ret,
			 struct digest *digest, struct error *err)
{
	AUTO(manifest_free) struct manifest *m = NULL;
	char text[PLATFORM_TEXT_SIZE];
	int depth;

	for (depth = 0; depth < NESTING_MAX; depth++) {
		AUTO(buf_release) struct buf doc = BUF_INIT;
		AUTO(manifest_free) struct manifest *next = NULL;

		*digest = d->digest;
		if (import_document(s, &d->digest, MANIFEST_MAX, &doc, err) <
			    0 ||
		    manifest_parse(doc.data, doc.len, d->media_type, &next,
				   err) < 0)
			return -1;
		manifest_free(m);
		m = steal_pointer(&next);
		if (!m->is_index) {
			*ret = steal_pointer(&m);
			return 0;
		}
		d = manifest_select(m, want);
		if (!d)
			return error_set(err, ERROR_NOT_FOUND,
					 "the index has no image for %s",
					 platform_format(want, text));
	}
	return error_set(err, ERROR_REFUSED,
			 "indexes are nested more than %d deep", NESTING_MAX);
}

int import_descriptor(struct import_source *s, const struct descriptor *d,
		      const struct platform *want, struct image **ret,
		      struct error *err)
{
	const struct platform host = platform_host();
	AUTO(manifest_free) struct manifest *m = NULL;
	struct digest digest;

	if (find_manifest(s, d, want ? want : &host, &m, &digest, err) < 0)
		return error_wrap(err, "manifest %s", d->digest.text);
	if (!media_type_is_config(m->config.media_type))
		return error_set(err, ERROR_REFUSED,
				 "manifest %s holds a '%s', which is no "
				 "container image",
				 digest.text, m->config.media_type);
	if (import_parts(s, &m->config.digest, m->items, m->n_items, ret, err) <
	    0)
		return error_wrap(err, "manifest %s", digest.text);
	(*ret)->manifest = digest;
	return 0;
}

const char *import_reference(const struct descriptor *d)
{
	const char *name =
		json_get_string(d->annotations, "io.containerd.image.name");

	if (name)
		return name;
	/* A lone word is a tag of a name that is not told. */
	name = json_get_string(d->annotations,
			       "org.opencontainers.image.ref.name");
	return name && strpbrk(name, "/:") ? name : NULL;
}

static bool same_reference(const struct descriptor *a,
			   const struct descriptor *b)
{
	const char *x = import_reference(a), *y = import_reference(b);

	return x && y && !strcmp(x, y);
}

/* How well an entry serves; -1 when it is no image at all. */
static int score_of(const struct descriptor *d, const struct platform *want)
{
	if (json_object_get(d->annotations, "vnd.docker.reference.type"))
		return -1;
	if (media_type_is_index(d->media_type))
		return 1;
	if (!media_type_is_manifest(d->media_type))
		return -1;
	return d->has_platform ? platform_match(want, &d->platform) : 1;
}

size_t import_choose(const struct manifest *index, const struct platform *want,
		     size_t *ret)
{
	const struct platform host = platform_host();
	size_t n = 0, i, j;

	for (i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];
		int score = score_of(d, want ? want : &host);

		/* Without a wish, an archive's only image is what is meant. */
		if (score < 0 || (!score && (want || index->n_items > 1)))
			continue;
		for (j = 0; j < n; j++)
			if (same_reference(d, &index->items[ret[j]]))
				break;
		if (j == n)
			ret[n++] = i;
		else if (score >
			 score_of(&index->items[ret[j]], want ? want : &host))
			ret[j] = i;
	}
	return n;
}

int import_tell_name(struct strv *names, const char *reference,
		     const struct image *img, struct error *err)
{
	char *item;

	if (!names)
		return 0;
	if (asprintf(&item, "%s=%s", reference ? reference : "", img->id.text) <
	    0)
		item = NULL;
	strv_take(names, item);
	return strv_check(names, "importing an image", err);
}
