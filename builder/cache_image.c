#include "builder/cache_image.h"

#include <string.h>

#include "store/base/array.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"

#define MEMBER	"shale.cache"
#define VERSION 1
#define WHAT	"exporting the build cache"

/* What other builders keep there means nothing in another image. */
static const char *const inherited[] = { MEMBER, "moby.buildkit.cache.v0" };

static int grow(struct cache_entries *e)
{
	struct cache_entry *items =
		array_room(e->items, e->len, &e->capacity, sizeof(*items));

	if (!items)
		return -1;
	e->items = items;
	return 0;
}

int cache_entries_add(struct cache_entries *e, const struct digest *key,
		      const struct step_record *record, bool in_result,
		      struct error *err)
{
	json_t *parts = json_copy(record->parts);

	if (!parts || grow(e) < 0) {
		json_decref(parts);
		return error_nomem(err, WHAT);
	}
	/* Only for explaining misses, and nobody else's business. */
	json_object_del(parts, "key");
	json_object_del(parts, "files");
	e->items[e->len++] = (struct cache_entry){
		.key = *key,
		.record = { .layer = layer_ref(record->layer),
			    .created = record->created,
			    .content = record->content,
			    .parts = parts },
		.in_result = in_result,
	};
	return 0;
}

void cache_entries_release(struct cache_entries *e)
{
	for (size_t i = 0; i < e->len; i++)
		step_record_release(&e->items[i].record);
	free(e->items);
	*e = (struct cache_entries){ 0 };
}

static bool find_layer(const struct image *img, const struct layer *l,
		       size_t *ret)
{
	for (*ret = 0; *ret < img->n_layers; (*ret)++)
		if (img->layers[*ret] == l)
			return true;
	return false;
}

static json_t *entry_to_json(const struct cache_entry *e, size_t layer)
{
	char created[TIME_TEXT_SIZE];
	json_t *step = json_pack("{s:s, s:I, s:s, s:O}", "key", e->key.text,
				 "layer", (json_int_t)layer, "created",
				 time_format(e->record.created, created),
				 "parts", e->record.parts);

	if (step && digest_is_set(&e->record.content) &&
	    json_object_set_new(step, "content",
				json_string(e->record.content.text)) < 0) {
		json_decref(step);
		return NULL;
	}
	return step;
}

static int note_entries(struct image *img, const struct cache_entries *e,
			bool all, struct error *err)
{
	json_t *steps = json_array();
	json_t *cache =
		json_pack("{s:i, s:o}", "version", VERSION, "steps", steps);
	size_t layer;

	if (!cache || json_object_set_new(img->config, MEMBER, cache) < 0)
		return error_nomem(err, WHAT);
	for (size_t i = 0; i < e->len; i++) {
		const struct cache_entry *entry = &e->items[i];

		if ((!all && !entry->in_result) ||
		    !find_layer(img, entry->record.layer, &layer))
			continue;
		if (json_array_append_new(steps, entry_to_json(entry, layer)) <
		    0)
			return error_nomem(err, WHAT);
	}
	return 0;
}

int cache_image_note(struct image *img, const struct cache_entries *e,
		     struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(inherited); i++)
		json_object_del(img->config, inherited[i]);
	return e ? note_entries(img, e, false, err) : 0;
}

int cache_image_new(const struct cache_entries *e, bool all,
		    const struct platform *platform, struct image **ret,
		    struct error *err)
{
	AUTO(image_free) struct image *img = NULL;
	json_t *config = image_config_new(platform);
	size_t ignored;

	if (!config)
		return error_nomem(err, WHAT);
	if (image_new(config, &img, err) < 0)
		return -1;
	for (size_t i = 0; i < e->len; i++) {
		struct layer *l = e->items[i].record.layer;

		if ((!all && !e->items[i].in_result) ||
		    find_layer(img, l, &ignored))
			continue;
		if (image_add_layer(img, l, err) < 0)
			return -1;
	}
	if (note_entries(img, e, all, err) < 0)
		return -1;
	*ret = steal_pointer(&img);
	return 0;
}

/* One step of a foreign document: 1, or 0 when it makes no sense. */
static int parse_step(const json_t *step, const struct image *img,
		      struct digest *key, struct step_record *ret)
{
	const char *key_text = json_get_string(step, "key");
	const char *created = json_get_string(step, "created");
	const char *content = json_get_string(step, "content");
	int64_t layer = json_get_int(step, "layer", -1);
	json_t *parts = json_object_get(step, "parts");
	struct step_record r = { 0 };
	struct error ignored;

	if (!key_text || digest_parse(key_text, key, &ignored) < 0 ||
	    !created || !time_parse(created, &r.created) || layer < 0 ||
	    (uint64_t)layer >= img->n_layers ||
	    !json_get_string(parts, "result") ||
	    (content && digest_parse(content, &r.content, &ignored) < 0))
		return 0;
	r.layer = layer_ref(img->layers[layer]);
	r.parts = json_incref(parts);
	*ret = r;
	return 1;
}

/* What the store knows itself stays. */
static int import_step(struct batch *b, const struct digest *key,
		       const struct step_record *record, struct error *err)
{
	AUTO(step_record_release) struct step_record known = { 0 };
	int found = step_cache_get(b, key, &known, err);

	if (found)
		return found < 0 ? -1 : 0;
	return step_cache_put(b, key, record, err);
}

int cache_image_import(struct batch *b, const struct image *img, unsigned *n,
		       struct error *err)
{
	const json_t *cache = json_object_get(img->config, MEMBER);
	const json_t *step;
	size_t i;

	*n = 0;
	if (json_get_int(cache, "version", 0) != VERSION)
		return 0;
	json_array_foreach(json_object_get(cache, "steps"), i, step) {
		AUTO(step_record_release) struct step_record record = { 0 };
		struct digest key;

		if (!parse_step(step, img, &key, &record))
			continue;
		if (import_step(b, &key, &record, err) < 0)
			return -1;
		(*n)++;
	}
	return 0;
}
