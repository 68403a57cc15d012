#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/place_source.h"
#include "builder/cli/session.h"
#include "store/layer.h"
#include "store/names.h"

/* Names that point at `id`, as an array. */
static json_t *names_of(struct session *s, const struct digest *id,
			struct error *err)
{
	AUTO(json_decref) json_t *array = json_array();
	struct name_record *records = NULL;
	size_t n = 0, i;
	int rc;

	if (!array) {
		error_nomem(err, "inspecting an image");
		return NULL;
	}
	rc = names_list(s->store, &records, &n, err);
	for (i = 0; i < n; i++) {
		if (rc == 0 && digest_equal(&records[i].image, id) &&
		    json_array_append_new(array, json_string(records[i].name)) <
			    0)
			rc = error_nomem(err, "inspecting an image");
		name_record_release(&records[i]);
	}
	free(records);
	return rc < 0 ? NULL : steal_pointer(&array);
}

static json_t *describe_layers(const struct image *image, struct error *err)
{
	AUTO(json_decref) json_t *array = json_array();
	size_t i;

	for (i = 0; array && i < image->n_layers; i++) {
		struct digest diff_id;
		json_t *layer;

		if (layer_diff_id(image->layers[i], &diff_id, err) < 0)
			return NULL;
		layer = json_pack("{s:s, s:I}", "DiffID", diff_id.text, "Size",
				  (json_int_t)layer_size(image->layers[i]));
		if (json_array_append_new(array, layer) < 0)
			break;
	}
	if (!array || json_array_size(array) != image->n_layers) {
		error_nomem(err, "inspecting an image");
		return NULL;
	}
	return steal_pointer(&array);
}

static json_t *describe(struct session *s, const struct image *image,
			struct error *err)
{
	AUTO(json_decref) json_t *doc = json_object();
	json_t *names = names_of(s, &image->id, err), *layers = NULL;
	const char *key;
	json_t *value;
	int rc;

	if (names)
		layers = describe_layers(image, err);
	if (!layers) {
		json_decref(names);
		return NULL;
	}
	rc = json_object_set_new(doc, "Id", json_string(image->id.text));
	rc |= json_object_set_new(doc, "Names", names);
	rc |= json_object_set_new(doc, "Layers", layers);
	json_object_foreach(image->config, key, value)
		rc |= json_object_set(doc, key, value);
	if (rc) {
		error_nomem(err, "inspecting an image");
		return NULL;
	}
	return steal_pointer(&doc);
}

static int inspect(const struct session_options *options,
		   const struct strv *words, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(json_decref) json_t *all = json_array();
	autofree char *text = NULL;
	size_t i;

	if (session_open(options, &s, err) < 0)
		return -1;
	for (i = 0; i < words->len; i++) {
		AUTO(image_free) struct image *image = NULL;
		json_t *doc;

		if (session_open_image(s, words->items[i], &image, err) < 0)
			return -1;
		doc = describe(s, image, err);
		if (!doc)
			return -1;
		if (json_array_append_new(all, doc) < 0)
			return error_nomem(err, "inspecting an image");
	}
	text = json_dumps(all, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	if (!text)
		return error_nomem(err, "inspecting an image");
	printf("%s\n", text);
	return 0;
}

/*
 * A manifest or index byte for byte, so that its digest can be computed. A
 * plain name means the registry here: nothing is pulled.
 */
static int print_raw(struct session *s, const char *text, struct error *err)
{
	AUTO(copy_source_free) struct copy_source *from = NULL;
	AUTO(place_release) struct place place = { 0 };
	AUTO(buf_release) struct buf bytes = BUF_INIT;

	if (place_parse(text, &place, err) < 0)
		return -1;
	if (place_source(s, &place, &from, err) < 0 ||
	    from->manifest(from, &from->root, &bytes, err) < 0 ||
	    buf_check(&bytes, "inspecting an image", err) < 0)
		return error_wrap(err, "inspecting %s", text);
	fwrite(bytes.data, 1, bytes.len, stdout);
	return 0;
}

static int inspect_raw(const struct session_options *options,
		       const struct strv *words, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;

	if (session_open(options, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < words->len; i++)
		if (print_raw(s, words->items[i], err) < 0)
			return -1;
	return 0;
}

int cmd_inspect(int argc, char **argv, struct error *err)
{
	struct session_options options = { .quiet = true };
	bool raw = false;
	static const struct command_usage usage = {
		"inspect [OPTIONS] IMAGE...", "inspect takes image names", 1,
		WORDS_ANY
	};
	const struct option_spec specs[] = {
		{ "raw", 0, OPTION_BOOL, &raw, NULL,
		  "print the manifest or index as it is in a registry (or "
		  "another place, as copy takes it)" },
		SESSION_STORE_OPTIONS(options),
		SESSION_REGISTRY_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	return raw ? inspect_raw(&options, &words, err)
		   : inspect(&options, &words, err);
}
