/* What stages, images and contexts give to the steps that read them. */
#include <string.h>

#include "builder/key.h"
#include "builder/solve_node.h"

/* A stage without steps of its own is what its base is. */
static const struct source *end_of(const struct source *source,
				   const struct step **last)
{
	*last = NULL;
	while (source->kind == SOURCE_STAGE) {
		if (source->stage->last) {
			*last = source->stage->last;
			return source;
		}
		source = &source->stage->base;
	}
	return source;
}

struct node *solve_source_node(const struct solver *s,
			       const struct source *source)
{
	const struct step *last;

	end_of(source, &last);
	return last ? &s->nodes[last->id] : NULL;
}

int solve_source_key(const struct solver *s, const struct source *source,
		     struct digest *ret, struct error *err)
{
	const struct step *last;
	const struct source *end = end_of(source, &last);

	if (last) {
		*ret = s->nodes[last->id].key;
		return 0;
	}
	return image_key(end->kind == SOURCE_IMAGE ? end->image : NULL, ret,
			 err);
}

/* A list of layers that holds references. */
struct layer_list {
	struct layer **items;
	size_t len;
};

static void layer_list_release(struct layer_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		layer_unref(list->items[i]);
	free(list->items);
}
DEFINE_RELEASE(struct layer_list, layer_list_release);

/* Empty layers would only cost depth and lookups. */
static void add_layer(struct layer_list *list, struct layer *l)
{
	if (!layer_is_empty(l))
		list->items[list->len++] = layer_ref(l);
}

static void reverse(struct layer **items, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct layer *other = items[n - 1 - i];

		items[n - 1 - i] = items[i];
		items[i] = other;
	}
}

/* Bottom first: the image's layers, then one for each step up to `top`. */
static int collect_layers(const struct image *img, const struct node *top,
			  struct layer_list *ret, struct error *err)
{
	size_t n_image = img ? img->n_layers : 0;
	size_t n = n_image, above;

	for (const struct node *at = top; at; at = at->parent)
		n++;
	ret->items = calloc(n + 1, sizeof(struct layer *));
	if (!ret->items)
		return error_nomem(err, "the layers of a stage");
	for (size_t i = 0; i < n_image; i++)
		add_layer(ret, img->layers[i]);
	above = ret->len;
	for (const struct node *at = top; at; at = at->parent)
		add_layer(ret, at->result.layer);
	reverse(ret->items + above, ret->len - above);
	return 0;
}

/* The image below everything that `top` stands on. */
static const struct image *image_below(const struct node *top)
{
	const struct step *last;
	const struct source *end;

	while (top->parent)
		top = top->parent;
	end = end_of(&top->step->base, &last);
	return end->kind == SOURCE_IMAGE ? end->image : NULL;
}

static int layers_of(const struct solver *s, const struct source *source,
		     struct layer_list *ret, struct error *err)
{
	const struct step *last;
	const struct source *end = end_of(source, &last);
	const struct node *top = last ? &s->nodes[last->id] : NULL;

	if (top)
		return collect_layers(image_below(top), top, ret, err);
	return collect_layers(end->kind == SOURCE_IMAGE ? end->image : NULL,
			      NULL, ret, err);
}

int solve_set_layers(const struct solver *s, struct node *n, struct error *err)
{
	AUTO(layer_list_release) struct layer_list list = { 0 };

	if (n->job.layers)
		return 0;
	if (n->parent) {
		if (collect_layers(image_below(n), n->parent, &list, err) < 0)
			return -1;
	} else if (layers_of(s, &n->step->base, &list, err) < 0) {
		return -1;
	}
	n->job.layers = steal_pointer(&list.items);
	n->job.n_layers = list.len;
	list.len = 0;
	return 0;
}

/* How messages call a source. */
static char *name_source(const struct source *source)
{
	struct buf name = BUF_INIT;

	if (source->kind == SOURCE_CONTEXT && *source->context)
		buf_printf(&name, "context \"%s\"", source->context);
	else if (source->kind == SOURCE_CONTEXT)
		buf_append_str(&name, "the build context");
	else if (source->kind == SOURCE_STAGE && source->stage->name)
		buf_printf(&name, "stage \"%s\"", source->stage->name);
	else if (source->kind == SOURCE_STAGE)
		buf_printf(&name, "stage %zu", source->stage->index);
	else
		buf_append_str(&name, "the image");
	return buf_steal(&name);
}

static struct context *find_context(const struct solver *s, const char *name)
{
	for (size_t i = 0; i < s->options->n_contexts; i++)
		if (strcmp(s->options->contexts[i].name, name) == 0)
			return s->options->contexts[i].context;
	return NULL;
}

static int open_context(const struct solver *s, struct step_read *r,
			const char *name, struct error *err)
{
	struct context *c = find_context(s, r->from->context);

	if (!c)
		return error_set(err, ERROR_DOCKERFILE,
				 "%s is not there: a Dockerfile is all that "
				 "was given; name a directory, and the "
				 "Dockerfile with -f",
				 name);
	return file_root_from_context(c, name, &r->root, err);
}

int solve_open_read(const struct solver *s, struct step_read *r,
		    struct error *err)
{
	AUTO(layer_list_release) struct layer_list list = { 0 };
	autofree char *name = name_source(r->from);

	if (r->root || r->from->kind == SOURCE_HEREDOCS)
		return 0;
	if (!name)
		return error_nomem(err, "a name");
	if (r->from->kind == SOURCE_CONTEXT)
		return open_context(s, r, name, err);
	if (layers_of(s, r->from, &list, err) < 0)
		return -1;
	return file_root_from_layers(list.items, list.len, name, &r->root, err);
}
