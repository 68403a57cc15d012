#include "store/layout_index.h"

#include <string.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/blob.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/*
 * Does the new entry take the old one's place? One of the same names does;
 * one without a name stands for its platform and its digest.
 */
static bool replaces(const json_t *entry, const json_t *old)
{
	const json_t *notes = json_object_get(entry, "annotations");
	const json_t *old_notes = json_object_get(old, "annotations");
	const char *name = json_get_string(notes, NOTE_IMAGE_NAME);
	const char *ref = json_get_string(notes, NOTE_REF);
	const char *old_name = json_get_string(old_notes, NOTE_IMAGE_NAME);
	const char *old_ref = json_get_string(old_notes, NOTE_REF);

	if (old_name || old_ref)
		return same_text(old_ref, ref) &&
		       (!old_name || same_text(old_name, name));
	if (name || ref)
		return false;
	return same_text(json_get_string(old, "digest"),
			 json_get_string(entry, "digest")) ||
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

int layout_put_index(struct layout *l, const json_t *entries, struct error *err)
{
	AUTO(json_decref)
	json_t *index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2,
				  "mediaType", MEDIA_OCI_INDEX, "manifests");
	AUTO(json_decref) json_t *old = NULL;
	json_t *all = json_object_get(index, "manifests"), *entry;
	size_t i;

	if (existing_entries(l, &old, err) < 0)
		return -1;
	if (!all || (old && json_array_extend(all, old) < 0))
		return error_nomem(err, "writing index.json");
	json_array_foreach((json_t *)entries, i, entry) {
		if (add_entry(all, json_incref(entry)) < 0)
			return error_nomem(err, "writing index.json");
	}
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

json_t *layout_docker_entry(const struct manifest *m, const char *const *names)
{
	AUTO(json_decref) json_t *tags = json_array();
	AUTO(json_decref) json_t *layers = json_array();
	const char *const *name;
	size_t i;

	for (name = names; *name; name++)
		if (!strchr(*name, '@') &&
		    json_array_append_new(tags,
					  json_string(short_name(*name))) < 0)
			return NULL;
	for (i = 0; i < m->n_items; i++)
		if (json_array_append_new(layers,
					  blob_file(&m->items[i].digest)) < 0)
			return NULL;
	if (!tags || !layers)
		return NULL;
	return json_pack("{s:o, s:o?, s:O}", "Config",
			 blob_file(&m->config.digest), "RepoTags",
			 json_array_size(tags) ? json_incref(tags)
					       : json_null(),
			 "Layers", layers);
}

int layout_put_docker_manifest(struct layout *l, const json_t *list,
			       struct error *err)
{
	return put_json(l, "manifest.json", list, err);
}
