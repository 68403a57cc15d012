#include "store/manifest.h"

#include <string.h>
#include <strings.h>

#include "store/base/json.h"

void manifest_free(struct manifest *m)
{
	size_t i;

	if (!m)
		return;
	free(m->media_type);
	descriptor_release(&m->config);
	for (i = 0; i < m->n_items; i++)
		descriptor_release(&m->items[i]);
	free(m->items);
	json_decref(m->annotations);
	free(m);
}

/* The four types we read; anything else says nothing. */
static const char *known_type(const char *type, size_t len)
{
	static const char *const known[] = {
		MEDIA_OCI_MANIFEST,
		MEDIA_OCI_INDEX,
		MEDIA_DOCKER_MANIFEST,
		MEDIA_DOCKER_INDEX,
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == len &&
		    !strncasecmp(type, known[i], len))
			return known[i];
	return NULL;
}

/*
 * What the document is: by its own word, by its transport's, or by its shape.
 * Words that contradict each other, or the shape, may be an attempt to have
 * two readers see two different images.
 */
static int judge_type(const json_t *doc, const char *content_type,
		      const char **ret, struct error *err)
{
	const char *own = json_get_string(doc, "mediaType");
	const char *told = content_type
				   ? known_type(content_type,
						strcspn(content_type, "; \t"))
				   : NULL;
	bool index = json_object_get(doc, "manifests");
	const char *type = told;

	if (index &&
	    (json_object_get(doc, "layers") || json_object_get(doc, "config")))
		return error_set(err, ERROR_INTEGRITY,
				 "a document that is a manifest and an index "
				 "at once");
	if (own) {
		type = known_type(own, strlen(own));
		if (!type)
			return error_set(err, ERROR_REFUSED,
					 "unsupported media type '%s'", own);
		if (told && strcmp(told, type))
			return error_set(err, ERROR_INTEGRITY,
					 "media type is '%s', announced was "
					 "'%s'",
					 type, told);
	}
	if (!type)
		type = index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
	if (media_type_is_index(type) != index)
		return error_set(err, ERROR_INTEGRITY,
				 "the contents do not fit the media type '%s'",
				 type);
	*ret = type;
	return 0;
}

static int parse_items(const json_t *doc, struct manifest *m, struct error *err)
{
	const char *key = m->is_index ? "manifests" : "layers";
	const json_t *array = json_object_get(doc, key), *item;
	size_t i;

	if (!json_is_array(array))
		return error_set(err, ERROR_INTEGRITY, "\"%s\" is no list",
				 key);
	m->items = calloc(json_array_size(array) + 1, sizeof(*m->items));
	if (!m->items)
		return error_nomem(err, "reading a manifest");
	json_array_foreach(array, i, item) {
		if (descriptor_parse(item, &m->items[i], err) < 0)
			return error_wrap(err, "item %zu of \"%s\"", i + 1,
					  key);
		m->n_items++;
	}
	return 0;
}

static int parse_members(const json_t *doc, const char *content_type,
			 struct manifest *m, struct error *err)
{
	const char *type = NULL;

	if (!json_is_object(doc))
		return error_set(err, ERROR_INTEGRITY, "it is no object");
	if (json_get_int(doc, "schemaVersion", 2) == 1)
		return error_set(err, ERROR_REFUSED,
				 "it has schema version 1, which is no longer "
				 "supported: push the image again with a "
				 "current tool");
	if (json_get_int(doc, "schemaVersion", -1) != 2)
		return error_set(err, ERROR_INTEGRITY,
				 "\"schemaVersion\" is not 2");
	if (judge_type(doc, content_type, &type, err) < 0)
		return -1;
	m->is_index = media_type_is_index(type);
	m->media_type = strdup(type);
	if (!m->media_type)
		return error_nomem(err, "reading a manifest");
	if (!m->is_index && descriptor_parse(json_object_get(doc, "config"),
					     &m->config, err) < 0)
		return error_wrap(err, "\"config\"");
	if (annotations_parse(doc, &m->annotations, err) < 0)
		return -1;
	return parse_items(doc, m, err);
}

int manifest_parse(const char *data, size_t len, const char *content_type,
		   struct manifest **ret, struct error *err)
{
	AUTO(manifest_free) struct manifest *m = calloc(1, sizeof(*m));
	AUTO(json_decref) json_t *doc = NULL;

	if (!m)
		return error_nomem(err, "reading a manifest");
	if (len > MANIFEST_MAX)
		return error_set(err, ERROR_REFUSED,
				 "the manifest is larger than %zu bytes",
				 MANIFEST_MAX);
	doc = json_parse(data, len, "the manifest", err);
	if (!doc)
		return -1;
	if (parse_members(doc, content_type, m, err) < 0)
		return error_wrap(err, "reading a manifest");
	*ret = steal_pointer(&m);
	return 0;
}

static json_t *items_to_json(const struct manifest *m)
{
	AUTO(json_decref) json_t *array = json_array();
	size_t i;

	if (!array)
		return NULL;
	for (i = 0; i < m->n_items; i++)
		if (json_array_append_new(array,
					  descriptor_to_json(&m->items[i])) < 0)
			return NULL;
	return steal_pointer(&array);
}

static json_t *manifest_to_json(const struct manifest *m)
{
	AUTO(json_decref)
	json_t *doc = json_pack("{s:i, s:s}", "schemaVersion", 2, "mediaType",
				m->media_type);

	if (!doc)
		return NULL;
	if (!m->is_index &&
	    json_object_set_new(doc, "config", descriptor_to_json(&m->config)) <
		    0)
		return NULL;
	if (json_object_set_new(doc, m->is_index ? "manifests" : "layers",
				items_to_json(m)) < 0)
		return NULL;
	if (json_object_size(m->annotations) > 0 &&
	    json_object_set_new(doc, "annotations",
				json_sorted_copy(m->annotations)) < 0)
		return NULL;
	return steal_pointer(&doc);
}

int manifest_serialize(const struct manifest *m, struct buf *ret,
		       struct error *err)
{
	AUTO(json_decref) json_t *doc = manifest_to_json(m);
	autofree char *text = doc ? json_serialize(doc, NULL, err) : NULL;

	if (!text)
		return error_nomem(err, "writing a manifest");
	buf_append_str(ret, text);
	return buf_check(ret, "writing a manifest", err);
}

/* Attestations sit in an index beside the images and are none. */
static bool is_image(const struct descriptor *d)
{
	return media_type_is_manifest(d->media_type) &&
	       !json_object_get(d->annotations, "vnd.docker.reference.type");
}

const struct descriptor *manifest_select(const struct manifest *index,
					 const struct platform *want)
{
	const struct descriptor *best = NULL, *only = NULL;
	size_t i, images = 0;
	int best_score = 0;

	for (i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];
		int score;

		if (!is_image(d))
			continue;
		images++;
		if (!d->has_platform) {
			only = d;
			continue;
		}
		score = platform_match(want, &d->platform);
		if (score > best_score) {
			best = d;
			best_score = score;
		}
	}
	/* A single image that names no platform is meant for everyone. */
	return best || images != 1 ? best : only;
}
