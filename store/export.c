#include "store/export.h"

#include <string.h>

#include "store/base/json.h"
#include "store/blob.h"
#include "store/layout.h"
#include "store/layout_index.h"
#include "store/manifest.h"

#define NOTE_CREATED "org.opencontainers.image.created"

/* One image on its way out. */
struct item {
	const struct export_image *source;
	struct descriptor descriptor;
	struct manifest *manifest;
};

struct exporting {
	struct batch *batch;
	struct item *items;
	size_t n;
	struct descriptor *blobs; /* borrowed contents; sorted, each once */
	size_t n_blobs;
};

static void exporting_release(struct exporting *e)
{
	size_t i;

	for (i = 0; e->items && i < e->n; i++) {
		descriptor_release(&e->items[i].descriptor);
		manifest_free(e->items[i].manifest);
	}
	free(e->items);
	free(e->blobs);
}
DEFINE_RELEASE(struct exporting, exporting_release);

static int prepare_item(struct exporting *e, struct item *item,
			const struct layer_format *format,
			const json_t *annotations, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct descriptor *d = &item->descriptor;

	if (image_manifest(e->batch, item->source->image, format, true,
			   annotations, d, err) < 0)
		return -1;
	if (blob_read(batch_store(e->batch), e->batch, &d->digest, MANIFEST_MAX,
		      &text, err) < 0)
		return -1;
	return manifest_parse(text.data, text.len, d->media_type,
			      &item->manifest, err);
}

static int compare_blobs(const void *a, const void *b)
{
	const struct descriptor *left = a, *right = b;

	return strcmp(left->digest.text, right->digest.text);
}

/* Gather what the manifests refer to, and themselves. */
static int gather_blobs(struct exporting *e, struct error *err)
{
	size_t room = 0, i, j, kept = 0;

	for (i = 0; i < e->n; i++)
		room += e->items[i].manifest->n_items + 2;
	e->blobs = calloc(room + 1, sizeof(*e->blobs));
	if (!e->blobs)
		return error_nomem(err, "exporting an image");
	for (i = 0; i < e->n; i++) {
		const struct item *item = &e->items[i];

		e->blobs[e->n_blobs++] = item->descriptor;
		e->blobs[e->n_blobs++] = item->manifest->config;
		for (j = 0; j < item->manifest->n_items; j++)
			e->blobs[e->n_blobs++] = item->manifest->items[j];
	}
	qsort(e->blobs, e->n_blobs, sizeof(*e->blobs), compare_blobs);
	for (i = 0; i < e->n_blobs; i++)
		if (!kept || compare_blobs(&e->blobs[kept - 1], &e->blobs[i]))
			e->blobs[kept++] = e->blobs[i];
	e->n_blobs = kept;
	return 0;
}

/* The tag inside a full reference, or NULL; `*len` is its length. */
static const char *tag_of(const char *name, size_t *len)
{
	size_t end = strcspn(name, "@"), i = end;

	while (i > 0 && name[i - 1] != ':' && name[i - 1] != '/')
		i--;
	if (!i || name[i - 1] != ':')
		return NULL;
	*len = end - i;
	return name + i;
}

/* What an index says of an image besides the descriptor's own fields. */
static json_t *index_notes(const struct item *item, const char *name)
{
	const char *created =
		json_get_string(item->source->image->config, "created");
	AUTO(json_decref) json_t *notes = json_object();
	const char *tag;
	size_t len = 0;

	if (!notes)
		return NULL;
	if (name &&
	    json_object_set_new(notes, NOTE_IMAGE_NAME, json_string(name)) < 0)
		return NULL;
	if (created &&
	    json_object_set_new(notes, NOTE_CREATED, json_string(created)) < 0)
		return NULL;
	tag = name ? tag_of(name, &len) : NULL;
	if (tag &&
	    json_object_set_new(notes, NOTE_REF, json_stringn(tag, len)) < 0)
		return NULL;
	return steal_pointer(&notes);
}

static json_t *index_entry(const struct item *item, const char *name)
{
	struct descriptor d = item->descriptor;
	AUTO(json_decref) json_t *notes = index_notes(item, name);

	if (!notes)
		return NULL;
	d.annotations = notes;
	return descriptor_to_json(&d);
}

static int add_entries(json_t *entries, const struct item *item)
{
	const char *const *name = item->source->names;

	if (!*name)
		return json_array_append_new(entries, index_entry(item, NULL));
	for (; *name; name++)
		if (json_array_append_new(entries, index_entry(item, *name)) <
		    0)
			return -1;
	return 0;
}

static int put_index(struct layout *l, const struct exporting *e,
		     struct error *err)
{
	AUTO(json_decref) json_t *entries = json_array();
	size_t i;

	for (i = 0; i < e->n; i++)
		if (add_entries(entries, &e->items[i]) < 0)
			return error_nomem(err, "exporting an image");
	return layout_put_index(l, entries, err);
}

static int put_docker_manifest(struct layout *l, const struct exporting *e,
			       struct error *err)
{
	AUTO(json_decref) json_t *list = json_array();
	size_t i;

	for (i = 0; i < e->n; i++)
		if (json_array_append_new(
			    list,
			    layout_docker_entry(e->items[i].manifest,
						e->items[i].source->names)) < 0)
			return error_nomem(err, "exporting an image");
	return layout_put_docker_manifest(l, list, err);
}

/* Blobs first: in a directory the index makes them count. */
static int write_layout(const struct exporting *e, bool docker_archive,
			struct layout *l, struct error *err)
{
	static const char version[] = LAYOUT_VERSION_TEXT;
	size_t i;

	for (i = 0; i < e->n_blobs; i++)
		if (layout_put_blob(l, e->batch, &e->blobs[i].digest,
				    e->blobs[i].size, err) < 0)
			return -1;
	if (put_index(l, e, err) < 0)
		return -1;
	if (docker_archive && put_docker_manifest(l, e, err) < 0)
		return -1;
	if (layout_put_file(l, "oci-layout", version, strlen(version), err) < 0)
		return -1;
	return layout_finish(l, err);
}

int export_oci(struct batch *b, const struct export_image *images, size_t n,
	       const struct layer_format *format, bool docker_archive,
	       const json_t *annotations, const struct export_target *to,
	       struct descriptor *manifest, struct error *err)
{
	AUTO(exporting_release) struct exporting e = { .batch = b, .n = n };
	AUTO(layout_free) struct layout *l = NULL;
	size_t i;

	e.items = calloc(n + 1, sizeof(*e.items));
	if (!e.items)
		return error_nomem(err, "exporting an image");
	for (i = 0; i < n; i++) {
		e.items[i].source = &images[i];
		if (prepare_item(&e, &e.items[i], format, annotations, err) < 0)
			return -1;
	}
	if (gather_blobs(&e, err) < 0)
		return -1;
	if ((to->dir ? layout_to_dir(to->dir, &l, err)
		     : layout_to_archive(to->fd, &l, err)) < 0)
		return -1;
	if (write_layout(&e, docker_archive, l, err) < 0)
		return -1;
	return manifest && n
		       ? descriptor_copy(&e.items[0].descriptor, manifest, err)
		       : 0;
}
