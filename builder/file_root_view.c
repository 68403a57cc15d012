/* A file root over the merged layers of a stage or image. */
#include <pthread.h>
#include <string.h>

#include "builder/file_root_kind.h"
#include "store/view.h"

struct view_root {
	struct file_root base;
	struct layer **layers;
	size_t n_layers;
	struct view *view; /* made on first use: it may fetch layers */
	pthread_mutex_t lock;
};

static struct view_root *view_root_of(struct file_root *r)
{
	return (struct view_root *)r;
}

static struct view *get_view(struct view_root *v, struct error *err)
{
	pthread_mutex_lock(&v->lock);
	if (!v->view && view_new(v->layers, v->n_layers, &v->view, err) < 0)
		v->view = NULL;
	pthread_mutex_unlock(&v->lock);
	return v->view;
}

static int node_from_view(const struct view_node *from, struct file_node **ret,
			  struct error *err)
{
	if (file_node_new(&from->meta, from->meta.entry.path, ret, err) < 0)
		return -1;
	(*ret)->layer = from->layer;
	/* Inode numbers of two layers have nothing to do with each other. */
	(*ret)->device = from->layer;
	return 0;
}

static int view_root_lookup(struct file_root *r, const char *path,
			    struct file_node **ret, struct error *err)
{
	struct view *view = get_view(view_root_of(r), err);
	AUTO(view_node_release) struct view_node node = { 0 };
	int found;

	if (!view)
		return -1;
	found = view_lookup(view, path, true, &node, NULL, err);
	if (found <= 0)
		return found;
	return node_from_view(&node, ret, err) < 0 ? -1 : 1;
}

static int view_root_list(struct file_root *r, const char *path,
			  struct strv *ret, struct error *err)
{
	struct view *view = get_view(view_root_of(r), err);

	return view ? view_list(view, path, ret, err) : -1;
}

struct view_visit {
	int (*visit)(void *ctx, struct file_node *n, struct error *err);
	void *ctx;
	const char *top;
};

static int visit_view_node(void *ctx, struct view *view,
			   const struct view_node *node, struct error *err)
{
	struct view_visit *v = ctx;
	struct file_node *copy = NULL;

	(void)view;
	if (strcmp(node->meta.entry.path, v->top) == 0)
		return 0;
	if (node_from_view(node, &copy, err) < 0)
		return -1;
	return v->visit(v->ctx, copy, err);
}

static int view_root_walk(struct file_root *r, const char *path,
			  int (*visit)(void *ctx, struct file_node *n,
				       struct error *err),
			  void *ctx, struct error *err)
{
	struct view *view = get_view(view_root_of(r), err);
	struct view_visit v = { visit, ctx, path };

	return view ? view_walk(view, path, visit_view_node, &v, err) : -1;
}

static int view_root_open(struct file_root *r, const struct file_node *n,
			  off_t *offset, struct error *err)
{
	struct view *view = get_view(view_root_of(r), err);
	struct view_node node = {
		.meta = { .entry = n->meta,
			  .inode = n->inode,
			  .n_links = n->n_links },
		.layer = n->layer,
	};

	return view ? view_open_file(view, &node, offset, err) : -1;
}

static void view_root_free(struct file_root *r)
{
	struct view_root *v = view_root_of(r);

	view_free(v->view);
	for (size_t i = 0; i < v->n_layers; i++)
		layer_unref(v->layers[i]);
	free(v->layers);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static const struct file_root_kind view_kind = {
	.keeps_owners = true,
	.lookup = view_root_lookup,
	.list = view_root_list,
	.walk = view_root_walk,
	.open = view_root_open,
	.free = view_root_free,
};

int file_root_from_layers(struct layer *const *layers, size_t n,
			  const char *name, struct file_root **ret,
			  struct error *err)
{
	struct view_root *v = calloc(1, sizeof(*v));

	if (!v)
		return error_nomem(err, "a root of files");
	v->base.kind = &view_kind;
	pthread_mutex_init(&v->lock, NULL);
	v->layers = calloc(n ? n : 1, sizeof(*v->layers));
	v->base.name = strdup(name);
	if (!v->layers || !v->base.name) {
		file_root_free(&v->base);
		return error_nomem(err, "a root of files");
	}
	for (size_t i = 0; i < n; i++)
		v->layers[v->n_layers++] = layer_ref(layers[i]);
	*ret = &v->base;
	return 0;
}

struct layer *file_root_layer(const struct file_root *r, size_t i)
{
	const struct view_root *v = (const struct view_root *)r;

	return v->layers[i];
}

int file_root_is_alone(struct file_root *r, const struct file_node *n,
		       struct error *err)
{
	struct view_root *v = view_root_of(r);
	AUTO(view_free) struct view *below = NULL;
	AUTO(view_node_release) struct view_node node = { 0 };
	int found;

	if (n->layer == 0)
		return 1;
	if (view_new(v->layers, n->layer, &below, err) < 0)
		return -1;
	found = view_lookup(below, n->meta.path, false, &node, NULL, err);
	return found < 0 ? -1 : !found;
}
