#include "store/image_diff.h"

#include <string.h>

#include "store/layer_diff.h"

#define WHAT "comparing images"

/* ---- documents ---- */

static int add_difference(json_t *to, const char *path, const json_t *left,
			  const json_t *right)
{
	json_t *item = json_pack("{s:s}", "path", path);
	int rc = json_object_set_new(item, "left",
				     left ? json_deep_copy(left) : json_null());

	rc |= json_object_set_new(item, "right",
				  right ? json_deep_copy(right) : json_null());
	return json_array_append_new(to, item) < 0 || rc < 0 ? -1 : 0;
}

static int compare_values(json_t *to, const char *path, const json_t *left,
			  const json_t *right);

static int compare_member(json_t *to, const char *path, const char *key,
			  const json_t *left, const json_t *right)
{
	autofree char *below = NULL;

	if (asprintf(&below, "%s%s%s", path, *path ? "." : "", key) < 0) {
		below = NULL;
		return -1;
	}
	return compare_values(to, below, left, right);
}

static int compare_objects(json_t *to, const char *path, const json_t *left,
			   const json_t *right)
{
	const char *key;
	json_t *value;
	int rc = 0;

	/* The macro takes no const, and changes nothing. */
	json_object_foreach((json_t *)left, key, value)
		rc |= compare_member(to, path, key, value,
				     json_object_get(right, key));
	json_object_foreach((json_t *)right, key, value)
		if (!json_object_get(left, key))
			rc |= compare_member(to, path, key, NULL, value);
	return rc;
}

static int compare_arrays(json_t *to, const char *path, const json_t *left,
			  const json_t *right)
{
	size_t n = json_array_size(left), m = json_array_size(right);

	for (size_t i = 0; i < n || i < m; i++) {
		autofree char *below = NULL;

		if (asprintf(&below, "%s[%zu]", path, i) < 0) {
			below = NULL;
			return -1;
		}
		if (compare_values(to, below, json_array_get(left, i),
				   json_array_get(right, i)) < 0)
			return -1;
	}
	return 0;
}

/* Documents are parsed with bounded depth, and so is this. */
static int compare_values(json_t *to, const char *path, const json_t *left,
			  const json_t *right)
{
	if (left && right && json_equal(left, right))
		return 0;
	if (json_is_object(left) && json_is_object(right))
		return compare_objects(to, path, left, right);
	if (json_is_array(left) && json_is_array(right))
		return compare_arrays(to, path, left, right);
	return add_difference(to, path, left, right);
}

static int compare_configs(json_t *doc, const struct image *a,
			   const struct image *b)
{
	AUTO(json_decref) json_t *left = json_copy(a->config);
	AUTO(json_decref) json_t *right = json_copy(b->config);
	const json_t *history[] = { json_object_get(a->config, "history"),
				    json_object_get(b->config, "history") };
	int rc;

	if (!left || !right)
		return -1;
	json_object_del(left, "history");
	json_object_del(left, "rootfs");
	json_object_del(right, "history");
	json_object_del(right, "rootfs");
	rc = compare_values(json_object_get(doc, "config"), "", left, right);
	rc |= compare_arrays(json_object_get(doc, "history"), "", history[0],
			     history[1]);
	return rc;
}

/* ---- layers ---- */

/* The instruction that made the i-th layer. */
static const char *created_by(const struct image *img, size_t layer)
{
	const json_t *history = json_object_get(img->config, "history");
	const json_t *entry;
	size_t i, at = 0;

	json_array_foreach((json_t *)history, i, entry) {
		if (json_is_true(json_object_get(entry, "empty_layer")))
			continue;
		if (at++ == layer)
			return json_get_string(entry, "created_by");
	}
	return NULL;
}

/* A layer of `img`, or null when it has none of that number. */
static json_t *describe_layer(const struct image *img, size_t i, bool there)
{
	struct error ignored;
	struct digest id;

	if (!there)
		return json_null();
	if (layer_diff_id(img->layers[i], &id, &ignored) < 0)
		return NULL;
	return json_pack("{s:I, s:s, s:s?}", "index", (json_int_t)i + 1,
			 "diffID", id.text, "createdBy", created_by(img, i));
}

static int same_layer(struct layer *a, struct layer *b, struct error *err)
{
	struct digest left, right;

	if (layer_diff_id(a, &left, err) < 0 ||
	    layer_diff_id(b, &right, err) < 0)
		return -1;
	return digest_equal(&left, &right);
}

static int compare_pair(struct batch *batch, json_t *to, const struct image *a,
			size_t i, bool in_a, const struct image *b, size_t j,
			bool in_b, struct error *err)
{
	AUTO(json_decref) json_t *files = NULL;
	json_t *item;
	int same =
		in_a && in_b ? same_layer(a->layers[i], b->layers[j], err) : 0;

	if (same)
		return same < 0 ? -1 : 0;
	files = layer_diff(batch, in_a ? a->layers[i] : NULL,
			   in_b ? b->layers[j] : NULL, err);
	if (!files)
		return error_wrap(err, "layer %zu", (in_a ? i : j) + 1);
	item = json_pack("{s:o, s:o, s:O}", "left", describe_layer(a, i, in_a),
			 "right", describe_layer(b, j, in_b), "files", files);
	return json_array_append_new(to, item) < 0 ? error_nomem(err, WHAT) : 0;
}

/* How many layers both have at the end, beyond the first `n`; or -1. */
static int common_end(const struct image *a, const struct image *b, size_t n,
		      size_t *ret, struct error *err)
{
	size_t end = 0;

	while (end < a->n_layers - n && end < b->n_layers - n) {
		int same = same_layer(a->layers[a->n_layers - end - 1],
				      b->layers[b->n_layers - end - 1], err);

		if (same < 0)
			return -1;
		if (!same)
			break;
		end++;
	}
	*ret = end;
	return 0;
}

static int common_start(const struct image *a, const struct image *b,
			size_t *ret, struct error *err)
{
	size_t n = 0;

	while (n < a->n_layers && n < b->n_layers) {
		int same = same_layer(a->layers[n], b->layers[n], err);

		if (same < 0)
			return -1;
		if (!same)
			break;
		n++;
	}
	*ret = n;
	return 0;
}

static int compare_layers(struct batch *batch, json_t *to,
			  const struct image *a, const struct image *b,
			  struct error *err)
{
	size_t start, end, in_a, in_b;

	if (common_start(a, b, &start, err) < 0 ||
	    common_end(a, b, start, &end, err) < 0)
		return -1;
	in_a = a->n_layers - end;
	in_b = b->n_layers - end;
	for (size_t i = start; i < in_a || i < in_b; i++)
		if (compare_pair(batch, to, a, i, i < in_a, b, i, i < in_b,
				 err) < 0)
			return -1;
	return 0;
}

json_t *image_diff(struct batch *batch, struct image *a, struct image *b,
		   struct error *err)
{
	AUTO(json_decref)
	json_t *doc =
		json_pack("{s:[], s:[], s:[]}", "config", "history", "layers");

	if (!doc || compare_configs(doc, a, b) < 0) {
		error_nomem(err, WHAT);
		return NULL;
	}
	if (compare_layers(batch, json_object_get(doc, "layers"), a, b, err) <
	    0)
		return NULL;
	return steal_pointer(&doc);
}

bool image_diff_is_empty(const json_t *diff)
{
	return !json_array_size(json_object_get(diff, "config")) &&
	       !json_array_size(json_object_get(diff, "history")) &&
	       !json_array_size(json_object_get(diff, "layers"));
}
