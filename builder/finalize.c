/* What a build came to: layers, history and times of an image. */
#include <string.h>

#include "builder/config.h"
#include "builder/plan.h"
#include "store/base/json.h"
#include "store/base/json_text.h"
#include "store/base/timefmt.h"
#include "store/layer.h"

#define WHAT "assembling the image"

/* Who made a history entry; tools tell builders apart by these. */
#define COMMENT_STEP  "buildkit.dockerfile.v0"
#define COMMENT_LAYER "buildkit.exporter.image.v0"

/* The stages that an image stands on, the one with the base image first. */
struct chain {
	const struct stage **stages;
	size_t len;
};

static void chain_release(struct chain *c)
{
	free(c->stages);
}
DEFINE_RELEASE(struct chain, chain_release);

static int chain_fill(struct chain *c, const struct stage *stage,
		      struct error *err)
{
	const struct stage *s = stage;
	size_t n = 1, i;

	for (; s->base.kind == SOURCE_STAGE; s = s->base.stage)
		n++;
	c->stages = calloc(n, sizeof(*c->stages));
	if (!c->stages)
		return error_nomem(err, WHAT);
	c->len = n;
	for (s = stage, i = n; i > 0; s = s->base.stage)
		c->stages[--i] = s;
	return 0;
}

static const struct image *base_image(const struct chain *c)
{
	const struct source *base = &c->stages[0]->base;

	return base->kind == SOURCE_IMAGE ? base->image : NULL;
}

static int add_base_layers(struct image *img, const struct image *base,
			   struct error *err)
{
	size_t i;

	for (i = 0; base && i < base->n_layers; i++)
		if (image_add_layer(img, base->layers[i], err) < 0)
			return -1;
	img->n_base_layers = img->n_layers;
	return 0;
}

static int add_step_layers(struct image *img, const struct chain *c,
			   const struct step_result *results, struct error *err)
{
	size_t i, j;

	for (i = 0; i < c->len; i++)
		for (j = 0; j < c->stages[i]->n_history; j++) {
			const struct step *step = c->stages[i]->history[j].step;

			if (step &&
			    image_add_layer(img, results[step->id].layer, err) <
				    0)
				return -1;
		}
	return 0;
}

static bool makes_layer(const json_t *entry)
{
	return !json_is_true(json_object_get(entry, "empty_layer"));
}

/* Set a string; NULL leaves it out. */
static int set_text(json_t *object, const char *name, const char *text,
		    struct error *err)
{
	if (text && json_object_set_new(object, name, json_text(text)) < 0)
		return error_nomem(err, WHAT);
	return 0;
}

static int add_entry(json_t *history, const char *created,
		     const char *created_by, const char *comment, bool empty,
		     struct error *err)
{
	AUTO(json_decref) json_t *entry = json_object();

	if (!entry)
		return error_nomem(err, WHAT);
	if (set_text(entry, "created", created, err) < 0 ||
	    set_text(entry, "created_by", created_by, err) < 0 ||
	    set_text(entry, "comment", comment, err) < 0)
		return -1;
	if ((empty &&
	     json_object_set_new(entry, "empty_layer", json_true()) < 0) ||
	    json_array_append(history, entry) < 0)
		return error_nomem(err, WHAT);
	return 0;
}

/*
 * Make the entries of a base that make layers as many as its layers: some
 * builders leave all or some of them out, and a few count wrong.
 */
static int match_base_history(json_t *history, size_t n_layers,
			      const char *created, struct error *err)
{
	size_t n = 0, i;
	json_t *entry;

	for (i = 0; i < json_array_size(history); i++)
		n += makes_layer(json_array_get(history, i));
	for (; n < n_layers; n++)
		if (add_entry(history, created, NULL, COMMENT_LAYER, false,
			      err) < 0)
			return -1;
	for (i = 0; n > n_layers; i++) {
		entry = json_array_get(history, i);
		if (!makes_layer(entry))
			continue;
		if (json_object_set_new(entry, "empty_layer", json_true()) < 0)
			return error_nomem(err, WHAT);
		n--;
	}
	return 0;
}

/* The base's entries, in a list of the image's own. */
static json_t *start_history(json_t *config, size_t n_base_layers,
			     struct error *err)
{
	json_t *history = json_object_get(config, "history");

	if (!json_is_array(history)) {
		history = json_array();
		if (json_object_set_new(config, "history", history) < 0) {
			error_nomem(err, WHAT);
			return NULL;
		}
	}
	if (match_base_history(history, n_base_layers,
			       json_get_string(config, "created"), err) < 0)
		return NULL;
	return history;
}

/* Time of a new entry, when there is one of its own. */
static const char *entry_time(const struct plan *p,
			      const struct history_item *item,
			      const struct step_result *results,
			      char text[static TIME_TEXT_SIZE])
{
	if (p->has_epoch)
		return time_format((struct timespec){ .tv_sec = p->epoch },
				   text);
	if (item->step)
		return time_format(results[item->step->id].created, text);
	return NULL;
}

static int add_new_entries(json_t *history, const struct plan *p,
			   const struct chain *c,
			   const struct step_result *results, struct error *err)
{
	char text[TIME_TEXT_SIZE];
	size_t i, j;

	for (i = 0; i < c->len; i++)
		for (j = 0; j < c->stages[i]->n_history; j++) {
			const struct history_item *item =
				&c->stages[i]->history[j];
			const char *comment =
				item->created_by ? COMMENT_STEP : COMMENT_LAYER;

			if (add_entry(history,
				      entry_time(p, item, results, text),
				      item->created_by, comment, !item->step,
				      err) < 0)
				return -1;
		}
	return 0;
}

/*
 * The time for entries that come before any of this build has one: that of
 * the first new layer, else of the last layer below, else of the base.
 */
static const char *first_time(const json_t *history, size_t n_base,
			      const json_t *config)
{
	const char *found = json_get_string(config, "created");
	const json_t *entry;
	size_t i;

	json_array_foreach(history, i, entry) {
		const char *created = json_get_string(entry, "created");

		if (!created)
			continue;
		found = created;
		if (i >= n_base)
			break;
	}
	return found;
}

/* Entries without a layer take the time of the layer before them. */
static int fill_times(json_t *history, size_t n_base, const json_t *config,
		      struct error *err)
{
	const char *last = first_time(history, n_base, config);
	size_t i;

	for (i = n_base; i < json_array_size(history); i++) {
		json_t *entry = json_array_get(history, i);
		const char *created = json_get_string(entry, "created");

		if (created)
			last = created;
		else if (set_text(entry, "created", last, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_later(const char *text, int64_t epoch)
{
	struct timespec t;

	return !time_parse(text, &t) ||
	       time_compare(t, (struct timespec){ .tv_sec = epoch }) > 0;
}

/*
 * The image's time is that of its last history entry. An image that has no
 * time at all stays without one: the present would make every rebuild of it
 * another image.
 */
static int set_created(json_t *config, const json_t *history,
		       const struct plan *p, struct error *err)
{
	const char *created = json_get_string(config, "created");
	AUTO(json_decref) json_t *keep = NULL;
	char text[TIME_TEXT_SIZE];
	size_t i;

	for (i = json_array_size(history); i > 0; i--) {
		const json_t *entry = json_array_get(history, i - 1);

		if (!json_get_string(entry, "created"))
			continue;
		created = json_get_string(entry, "created");
		break;
	}
	if (p->has_epoch && (!created || is_later(created, p->epoch)))
		created = time_format((struct timespec){ .tv_sec = p->epoch },
				      text);
	keep = created ? json_text(created) : NULL;
	json_object_del(config, "created");
	if (!created)
		return 0;
	if (!keep || json_object_set(config, "created", keep) < 0)
		return error_nomem(err, WHAT);
	return 0;
}

static int write_history(json_t *config, size_t n_base_layers,
			 const struct plan *p, const struct chain *c,
			 const struct step_result *results, struct error *err)
{
	json_t *history = start_history(config, n_base_layers, err);
	size_t n_base;

	if (!history)
		return -1;
	n_base = json_array_size(history);
	if (add_new_entries(history, p, c, results, err) < 0 ||
	    fill_times(history, n_base, config, err) < 0)
		return -1;
	return set_created(config, history, p, err);
}

int plan_image(const struct plan *p, const struct stage *stage,
	       const struct step_result *results, struct image **ret,
	       struct error *err)
{
	AUTO(chain_release) struct chain chain = { 0 };
	AUTO(image_free) struct image *img = NULL;
	json_t *config;

	if (chain_fill(&chain, stage, err) < 0)
		return -1;
	config = json_deep_copy(stage->config);
	if (!config)
		return error_nomem(err, WHAT);
	if (image_new(config, &img, err) < 0)
		return -1;
	if (add_base_layers(img, base_image(&chain), err) < 0 ||
	    add_step_layers(img, &chain, results, err) < 0 ||
	    write_history(img->config, img->n_base_layers, p, &chain, results,
			  err) < 0)
		return -1;
	*ret = steal_pointer(&img);
	return 0;
}
