#include "store/export.h"

#include <string.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/blob.h"
#include "store/layout.h"
#include "store/manifest.h"

#define NOTE_REF_NAME "org.opencontainers.image.ref.name"
#define NOTE_CREATED  "org.opencontainers.image.created"
#define NOTE_NAME     "io.containerd.image.name"

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
	    json_object_set_new(notes, NOTE_NAME, json_string(name)) < 0)
		return NULL;
	if (created &&
	    json_object_set_new(notes, NOTE_CREATED, json_string(created)) < 0)
		return NULL;
	tag = name ? tag_of(name, &len) : NULL;
	if (tag && json_object_set_new(notes, NOTE_REF_NAME,
				       json_stringn(tag, len)) < 0)
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

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/*
 * Does the new entry take the old one's place? One of the same names does;
 * one without a name stands for its platform.
 */
static bool replaces(const json_t *entry, const json_t *old)
{
	const json_t *notes = json_object_get(entry, "annotations");
	const json_t *old_notes = json_object_get(old, "annotations");
	const char *name = json_get_string(notes, NOTE_NAME);
	const char *ref = json_get_string(notes, NOTE_REF_NAME);
	const char *old_name = json_get_string(old_notes, NOTE_NAME);
	const char *old_ref = json_get_string(old_notes, NOTE_REF_NAME);

	if (old_name || old_ref)
		return same_text(old_ref, ref) &&
		       (!old_name || same_text(old_name, name));
	return !name && !ref &&
	       json_equal(json_object_get(entry, "platform"),
			  json_object_get(old, "platform"));
}

static int add_entry(json_t *entries, json_t *entry)
{
	size_t i = 0;

	while (entry && i < json_array_size(entries))
		if (replaces(entry, json_array_get(entries, i)))
			json_array_remove(entries, i);
		else
			i++;
	return json_array_append_new(entries, entry);
}

static int add_entries(json_t *entries, const struct item *item)
{
	const char *const *name = item->source->names;

	if (!*name)
		return add_entry(entries, index_entry(item, NULL));
	for (; *name; name++)
		if (add_entry(entries, index_entry(item, *name)) < 0)
			return -1;
	return 0;
}

/* The entries of the index that a layout directory has already, or none. */
static int existing_entries(const struct layout *l, json_t **ret,
			    struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *index = NULL;
	AUTO(json_decref) json_t *doc = NULL;
	struct error problem = ERROR_INIT;

	*ret = NULL;
	if (layout_dir_fd(l) < 0)
		return 0;
	if (io_read_file(layout_dir_fd(l), "index.json", MANIFEST_MAX, &text,
			 &problem) < 0) {
		if (problem.kind == ERROR_NOT_FOUND)
			return 0;
		*err = problem;
		return -1;
	}
	/* Judged as any index, kept as it is. */
	if (manifest_parse(text.data, text.len, NULL, &index, err) < 0)
		return error_wrap(err, "the layout's index.json");
	doc = json_parse(text.data, text.len, "index.json", err);
	if (!doc)
		return -1;
	*ret = json_incref(json_object_get(doc, "manifests"));
	return 0;
}

static int put_json(struct layout *l, const char *name, const json_t *doc,
		    struct error *err)
{
	size_t len;
	autofree char *text = json_serialize(doc, &len, err);

	return text ? layout_put_file(l, name, text, len, err) : -1;
}

static int put_index(struct layout *l, const struct exporting *e,
		     struct error *err)
{
	AUTO(json_decref)
	json_t *index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2,
				  "mediaType", MEDIA_OCI_INDEX, "manifests");
	AUTO(json_decref) json_t *old = NULL;
	json_t *entries = json_object_get(index, "manifests");
	size_t i;

	if (existing_entries(l, &old, err) < 0)
		return -1;
	if (!entries || (old && json_array_extend(entries, old) < 0))
		return error_nomem(err, "exporting an image");
	for (i = 0; i < e->n; i++)
		if (add_entries(entries, &e->items[i]) < 0)
			return error_nomem(err, "exporting an image");
	return put_json(l, "index.json", index, err);
}

/* Docker shows its own registry's names in short. */
static const char *short_name(const char *name)
{
	static const char *const prefixes[] = { "docker.io/library/",
						"docker.io/" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	return name;
}

static json_t *blob_file(const struct digest *digest)
{
	return json_sprintf("blobs/sha256/%s", digest_hex(digest));
}

/* One element of docker's manifest.json. */
static json_t *docker_entry(const struct item *item)
{
	AUTO(json_decref) json_t *tags = json_array();
	AUTO(json_decref) json_t *layers = json_array();
	const char *const *name;
	size_t i;

	for (name = item->source->names; *name; name++)
		if (!strchr(*name, '@') &&
		    json_array_append_new(tags,
					  json_string(short_name(*name))) < 0)
			return NULL;
	for (i = 0; i < item->manifest->n_items; i++)
		if (json_array_append_new(
			    layers,
			    blob_file(&item->manifest->items[i].digest)) < 0)
			return NULL;
	if (!tags || !layers)
		return NULL;
	return json_pack("{s:o, s:o?, s:O}", "Config",
			 blob_file(&item->manifest->config.digest), "RepoTags",
			 json_array_size(tags) ? json_incref(tags)
					       : json_null(),
			 "Layers", layers);
}

static int put_docker_manifest(struct layout *l, const struct exporting *e,
			       struct error *err)
{
	AUTO(json_decref) json_t *list = json_array();
	size_t i;

	for (i = 0; i < e->n; i++)
		if (json_array_append_new(list, docker_entry(&e->items[i])) < 0)
			return error_nomem(err, "exporting an image");
	return put_json(l, "manifest.json", list, err);
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
