#include "store/descriptor.h"

#include <string.h>

#include "store/base/json.h"

static const char *const layer_types[] = {
	MEDIA_OCI_LAYER,
	MEDIA_OCI_LAYER "+gzip",
	MEDIA_OCI_LAYER "+zstd",
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	MEDIA_DOCKER_LAYER,
	MEDIA_DOCKER_LAYER ".gzip",
	MEDIA_DOCKER_LAYER ".zstd",
	"application/vnd.docker.image.rootfs.foreign.diff.tar",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

bool media_type_is_layer(const char *media_type)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(layer_types); i++)
		if (!strcmp(media_type, layer_types[i]))
			return true;
	return false;
}

bool media_type_is_index(const char *media_type)
{
	return !strcmp(media_type, MEDIA_OCI_INDEX) ||
	       !strcmp(media_type, MEDIA_DOCKER_INDEX);
}

bool media_type_is_manifest(const char *media_type)
{
	return !strcmp(media_type, MEDIA_OCI_MANIFEST) ||
	       !strcmp(media_type, MEDIA_DOCKER_MANIFEST);
}

bool media_type_is_config(const char *media_type)
{
	return !strcmp(media_type, MEDIA_OCI_CONFIG) ||
	       !strcmp(media_type, MEDIA_DOCKER_CONFIG);
}

const char *media_type_for_layer(enum compression_kind kind, bool docker)
{
	switch (kind) {
	case COMPRESSION_GZIP:
		return docker ? MEDIA_DOCKER_LAYER ".gzip"
			      : MEDIA_OCI_LAYER "+gzip";
	case COMPRESSION_ZSTD:
		return docker ? MEDIA_DOCKER_LAYER ".zstd"
			      : MEDIA_OCI_LAYER "+zstd";
	case COMPRESSION_NONE:
		break;
	}
	return docker ? MEDIA_DOCKER_LAYER : MEDIA_OCI_LAYER;
}

void descriptor_release(struct descriptor *d)
{
	free(d->media_type);
	json_decref(d->annotations);
	*d = (struct descriptor){ 0 };
}

int descriptor_copy(const struct descriptor *from, struct descriptor *to,
		    struct error *err)
{
	AUTO(descriptor_release) struct descriptor d = *from;

	d.annotations = json_deep_copy(from->annotations);
	d.media_type = from->media_type ? strdup(from->media_type) : NULL;
	if ((from->media_type && !d.media_type) ||
	    (from->annotations && !d.annotations))
		return error_nomem(err, "copying a descriptor");
	*to = d;
	d = (struct descriptor){ 0 };
	return 0;
}

/* A string member into a fixed array; absent and null are "". */
static int read_text(const json_t *object, const char *key, char *dst,
		     size_t size, struct error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value)) {
		dst[0] = '\0';
		return 0;
	}
	if (!json_is_string(value) || json_string_length(value) >= size)
		return error_set(err, ERROR_INTEGRITY,
				 "\"%s\" of a platform is no short text", key);
	memcpy(dst, json_string_value(value), json_string_length(value) + 1);
	return 0;
}

int platform_from_json(const json_t *object, struct platform *ret,
		       struct error *err)
{
	struct platform p;

	if (read_text(object, "os", p.os, sizeof(p.os), err) < 0 ||
	    read_text(object, "architecture", p.arch, sizeof(p.arch), err) <
		    0 ||
	    read_text(object, "variant", p.variant, sizeof(p.variant), err) <
		    0 ||
	    read_text(object, "os.version", p.os_version, sizeof(p.os_version),
		      err) < 0)
		return -1;
	*ret = p;
	return 0;
}

static int parse_platform(const json_t *object, struct descriptor *d,
			  struct error *err)
{
	const json_t *platform = json_object_get(object, "platform");

	if (!platform || json_is_null(platform))
		return 0;
	if (!json_is_object(platform))
		return error_set(err, ERROR_INTEGRITY,
				 "\"platform\" is no object");
	d->has_platform = true;
	return platform_from_json(platform, &d->platform, err);
}

int annotations_parse(const json_t *object, json_t **ret, struct error *err)
{
	json_t *found = json_object_get(object, "annotations");
	const char *key;
	const json_t *value;

	*ret = NULL;
	if (!found || json_is_null(found))
		return 0;
	if (!json_is_object(found))
		return error_set(err, ERROR_INTEGRITY,
				 "\"annotations\" is no object");
	json_object_foreach(found, key, value)
		if (!json_is_string(value))
			return error_set(err, ERROR_INTEGRITY,
					 "annotation \"%s\" is no text", key);
	*ret = json_incref(found);
	return 0;
}

static int parse_fields(const json_t *object, struct descriptor *d,
			struct error *err)
{
	const char *media_type = json_get_string(object, "mediaType");
	const char *digest = json_get_string(object, "digest");

	d->size = json_get_int(object, "size", -1);
	if (!media_type || !digest || d->size < 0)
		return error_set(err, ERROR_INTEGRITY,
				 "a descriptor lacks mediaType, digest or "
				 "size");
	if (digest_parse(digest, &d->digest, err) < 0)
		return -1;
	d->media_type = strdup(media_type);
	if (!d->media_type)
		return error_nomem(err, "reading a descriptor");
	if (annotations_parse(object, &d->annotations, err) < 0)
		return -1;
	return parse_platform(object, d, err);
}

int descriptor_parse(const json_t *object, struct descriptor *ret,
		     struct error *err)
{
	AUTO(descriptor_release) struct descriptor d = { 0 };

	if (!json_is_object(object))
		return error_set(err, ERROR_INTEGRITY,
				 "a descriptor is no object");
	if (parse_fields(object, &d, err) < 0)
		return -1;
	*ret = d;
	d = (struct descriptor){ 0 };
	return 0;
}

/* Set a text member unless it is empty. */
static int put_text(json_t *object, const char *key, const char *text)
{
	return text[0] ? json_object_set_new(object, key, json_string(text))
		       : 0;
}

json_t *platform_to_json(const struct platform *p)
{
	AUTO(json_decref) json_t *object = json_object();

	if (!object || put_text(object, "architecture", p->arch) < 0 ||
	    put_text(object, "os", p->os) < 0 ||
	    put_text(object, "os.version", p->os_version) < 0 ||
	    put_text(object, "variant", p->variant) < 0)
		return NULL;
	return steal_pointer(&object);
}

json_t *descriptor_to_json(const struct descriptor *d)
{
	AUTO(json_decref)
	json_t *object = json_pack("{s:s, s:s, s:I}", "mediaType",
				   d->media_type, "digest", d->digest.text,
				   "size", (json_int_t)d->size);

	if (!object)
		return NULL;
	if (json_object_size(d->annotations) > 0 &&
	    json_object_set_new(object, "annotations",
				json_sorted_copy(d->annotations)) < 0)
		return NULL;
	if (d->has_platform &&
	    json_object_set_new(object, "platform",
				platform_to_json(&d->platform)) < 0)
		return NULL;
	return steal_pointer(&object);
}

bool media_type_is_foreign(const char *media_type)
{
	return strstr(media_type, "nondistributable") ||
	       strstr(media_type, ".foreign.");
}
