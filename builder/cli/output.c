#include "builder/cli/output.h"

#include <string.h>

#include "builder/cli/attribute.h"
#include "store/base/csv.h"

void output_release(struct output *o)
{
	free(o->dest);
	strv_release(&o->names);
	json_decref(o->annotations);
}

static int set_type(struct output *o, const char *value, struct error *err)
{
	static const struct {
		const char *name;
		enum output_kind kind;
		bool push;
	} types[] = {
		{ "image", OUTPUT_IMAGE, false },
		{ "registry", OUTPUT_IMAGE, true },
		{ "oci", OUTPUT_OCI, false },
		{ "docker", OUTPUT_DOCKER, false },
		{ "tar", OUTPUT_TAR, false },
		{ "local", OUTPUT_LOCAL, false },
		{ "cacheonly", OUTPUT_CACHE_ONLY, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(value, types[i].name) != 0)
			continue;
		o->kind = types[i].kind;
		o->push |= types[i].push;
		return 0;
	}
	return error_set(err, ERROR_USAGE,
			 "unknown output type \"%s\"; use image, registry, "
			 "oci, docker, tar, local or cacheonly",
			 value);
}

/* A comma list: it came through CSV once, so plain commas separate. */
static int add_names(struct output *o, const char *value, struct error *err)
{
	AUTO(strv_release) struct strv items = STRV_INIT;
	size_t i;

	if (csv_split(value, ERROR_USAGE, &items, err) < 0)
		return -1;
	for (i = 0; i < items.len; i++) {
		char *name = session_name(items.items[i], err);

		if (!name)
			return -1;
		strv_take(&o->names, name);
	}
	return strv_check(&o->names, "reading names", err);
}

static int add_annotation(struct output *o, const char *key, const char *value,
			  struct error *err)
{
	if (!o->annotations)
		o->annotations = json_object();
	if (!o->annotations ||
	    json_object_set_new(o->annotations, key, json_string(value)) < 0)
		return error_nomem(err, "reading annotations");
	return 0;
}

static int set_annotation(struct output *o, const char *key, const char *value,
			  struct error *err)
{
	if (!strncmp(key, "annotation.", 11))
		return add_annotation(o, key + 11, value, err);
	if (!strncmp(key, "annotation-manifest.", 20))
		return add_annotation(o, key + 20, value, err);
	return error_set(err, ERROR_USAGE,
			 "%s: index annotations not supported for single "
			 "platform export",
			 key);
}

static int set_bool_attribute(struct output *o, const char *key,
			      const char *value, struct error *err)
{
	bool ignored, tar;

	if (!strcmp(key, "push"))
		return attribute_bool(key, value, &o->push, err);
	if (!strcmp(key, "rewrite-timestamp"))
		return attribute_bool(key, value, &o->rewrite_timestamp, err);
	if (!strcmp(key, "store") || !strcmp(key, "unpack"))
		return attribute_bool(key, value, &ignored, err);
	if (!strcmp(key, "tar")) {
		if (attribute_bool(key, value, &tar, err) < 0)
			return -1;
		o->directory = !tar;
		return 0;
	}
	return error_set(err, ERROR_USAGE, "unknown output attribute \"%s\"",
			 key);
}

static int set_attribute(void *ctx, const char *key, const char *value,
			 struct error *err)
{
	struct output *o = ctx;
	int taken;

	if (!strcmp(key, "type"))
		return set_type(o, value, err);
	if (!strcmp(key, "dest")) {
		free(o->dest);
		o->dest = strdup(value);
		return o->dest ? 0 : error_nomem(err, "reading an output");
	}
	if (!strcmp(key, "name"))
		return add_names(o, value, err);
	if (!strncmp(key, "annotation", 10))
		return set_annotation(o, key, value, err);
	taken = attribute_layer_format(key, value, &o->format, err);
	if (taken)
		return taken < 0 ? -1 : 0;
	return set_bool_attribute(o, key, value, err);
}

static int check_output(const struct output *o, struct error *err)
{
	if (o->kind == OUTPUT_LOCAL && !o->dest)
		return error_set(err, ERROR_USAGE,
				 "type=local needs dest=DIRECTORY");
	if (o->directory && !o->dest)
		return error_set(err, ERROR_USAGE,
				 "tar=false needs dest=DIRECTORY");
	if (o->directory && o->kind == OUTPUT_DOCKER)
		return error_set(err, ERROR_USAGE,
				 "type=docker is an archive; use type=oci for "
				 "a directory");
	if (o->push && o->kind != OUTPUT_IMAGE)
		return error_set(err, ERROR_USAGE,
				 "push=true goes with type=image");
	return 0;
}

int output_parse(const char *text, struct output *ret, struct error *err)
{
	AUTO(output_release)
	struct output o = {
		.kind = OUTPUT_LOCAL,
		.format = { .compression = { COMPRESSION_GZIP,
					     COMPRESSION_LEVEL_DEFAULT } },
	};

	if (!strchr(text, '=')) {
		/* "-o DIR" is a directory, "-o -" a tar on stdout. */
		o.dest = strdup(text);
		if (!o.dest)
			return error_nomem(err, "reading an output");
		if (!strcmp(text, "-"))
			o.kind = OUTPUT_TAR;
	} else if (attributes_each(text, set_attribute, &o, err) < 0 ||
		   check_output(&o, err) < 0) {
		return error_wrap(err, "--output %s", text);
	}
	*ret = o;
	o = (struct output){ 0 };
	return 0;
}

const struct strv *output_names(const struct output *o,
				const struct strv *names)
{
	return o->names.len ? &o->names : names;
}

bool output_wants_blobs(const struct output *o)
{
	/* Rewritten times are another layer, which is made later. */
	if (o->rewrite_timestamp)
		return false;
	return o->push || o->kind == OUTPUT_OCI || o->kind == OUTPUT_DOCKER;
}
