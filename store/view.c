#include <string.h>

#include "store/base/array.h"
#include "store/view_internal.h"

/* A directory of the merged root: the layers it is made of, top first. */
struct merged {
	size_t *layers;
	size_t n;
};

static void merged_free(void *value)
{
	struct merged *m = value;

	if (!m)
		return;
	free(m->layers);
	free(m);
}

int view_new(struct layer *const *layers, size_t n, struct view **ret,
	     struct error *err)
{
	AUTO(view_free) struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return error_nomem(err, "looking into layers");
	pthread_mutex_init(&v->lock, NULL);
	v->dirs = map_new(merged_free);
	v->layers = calloc(n + 1, sizeof(struct view_layer *));
	if (!v->dirs || !v->layers)
		return error_nomem(err, "looking into layers");
	for (; v->n < n; v->n++)
		if (view_layer_new(layers[v->n], &v->layers[v->n], err) < 0)
			return -1;
	*ret = steal_pointer(&v);
	return 0;
}

void view_free(struct view *v)
{
	size_t i;

	if (!v)
		return;
	for (i = 0; i < v->n; i++)
		view_layer_free(v->layers[i]);
	free(v->layers);
	map_free(v->dirs);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

void view_node_release(struct view_node *n)
{
	tree_entry_release(&n->meta);
}

/* All layers have the root. */
static struct merged *merge_root(const struct view *v)
{
	struct merged *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->layers = calloc(v->n + 1, sizeof(*m->layers));
	if (!m->layers) {
		free(m);
		return NULL;
	}
	for (m->n = 0; m->n < v->n; m->n++)
		m->layers[m->n] = v->n - 1 - m->n;
	return m;
}

static const struct merged *get_merged(struct view *v, const char *path,
				       struct error *err);

/* The part of `path` before its last component; "" at the top. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash ? (size_t)(slash - path) : 0);
}

/*
 * The topmost entry of `path` among the layers of its parent `dir`: 1, 0
 * when absent or deleted, -1. `*at` is its position in dir->layers.
 */
static int find_top(struct view *v, const struct merged *dir, const char *path,
		    struct tree_entry *ret, size_t *at, struct error *err)
{
	size_t i;

	for (i = 0; i < dir->n; i++) {
		int found = view_layer_stat(v->layers[dir->layers[i]], path,
					    ret, err);

		if (found < 0)
			return -1;
		if (!found)
			continue;
		if (ret->entry.type == ENTRY_WHITEOUT) {
			tree_entry_release(ret);
			return 0;
		}
		*at = i;
		return 1;
	}
	return 0;
}

/*
 * The layers that directory `path` is made of: from its topmost entry down
 * to the first layer that hides what is below.
 */
static int collect(struct view *v, const struct merged *dir, const char *path,
		   struct merged *m, struct error *err)
{
	size_t i;

	for (i = 0; i < dir->n; i++) {
		AUTO(tree_entry_release) struct tree_entry e = { 0 };
		int found = view_layer_stat(v->layers[dir->layers[i]], path, &e,
					    err);

		if (found < 0)
			return -1;
		if (!found)
			continue;
		if (e.entry.type != ENTRY_DIR)
			return 0;
		m->layers[m->n++] = dir->layers[i];
		if (e.opaque)
			return 0;
	}
	return 0;
}

static struct merged *merge_below(struct view *v, const char *path,
				  struct error *err)
{
	autofree char *parent = parent_of(path);
	const struct merged *dir;
	struct merged *m;

	if (!parent) {
		error_nomem(err, "looking into layers");
		return NULL;
	}
	dir = get_merged(v, parent, err);
	if (!dir)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (m)
		m->layers = calloc(dir->n + 1, sizeof(*m->layers));
	if (!m || !m->layers) {
		merged_free(m);
		error_nomem(err, "looking into layers");
		return NULL;
	}
	if (collect(v, dir, path, m, err) < 0) {
		merged_free(m);
		return NULL;
	}
	return m;
}

/* Of the directory `path` (resolved); made once. NULL on error. */
static const struct merged *get_merged(struct view *v, const char *path,
				       struct error *err)
{
	struct merged *m = map_get(v->dirs, path, strlen(path));

	if (m)
		return m;
	if (*path) {
		m = merge_below(v, path, err);
		if (!m)
			return NULL;
	} else {
		m = merge_root(v);
	}
	if (!m || map_put(v->dirs, path, strlen(path), m) < 0) {
		merged_free(m);
		error_nomem(err, "looking into layers");
		return NULL;
	}
	return m;
}

bool view_knows_dir(const struct view *v, const char *path)
{
	const struct merged *m = map_get(v->dirs, path, strlen(path));

	return m && m->n > 0;
}

char *view_join(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s%s%s", dir, *dir ? "/" : "", name) < 0)
		return NULL;
	return path;
}

int view_get_node(struct view *v, const char *path, struct view_node *ret,
		  struct error *err)
{
	autofree char *parent = parent_of(path);
	const struct merged *dir;
	size_t at = 0;
	int found;

	if (!parent)
		return error_nomem(err, "looking into layers");
	dir = get_merged(v, parent, err);
	if (!dir)
		return -1;
	/* Of no layers at all there is still a root. */
	if (!*path && !v->n) {
		ret->meta = view_layer_root();
		return 1;
	}
	found = find_top(v, dir, path, &ret->meta, &at, err);
	if (found > 0)
		ret->layer = dir->layers[at];
	return found;
}

/* A name in a directory, and a layer that has it. */
struct found_name {
	const char *name;
	size_t at; /* in dir->layers */
};

struct found_names {
	struct strv all; /* owns the names */
	struct found_name *items;
	size_t n;
};

static void found_names_release(struct found_names *f)
{
	strv_release(&f->all);
	free(f->items);
}
DEFINE_RELEASE(struct found_names, found_names_release);

static int add_names(struct view *v, const struct merged *dir, size_t at,
		     const char *path, struct found_names *f, struct error *err)
{
	struct found_name *items;

	if (view_layer_list(v->layers[dir->layers[at]], path, &f->all, err) < 0)
		return -1;
	items = reallocarray(f->items, f->all.len + 1, sizeof(*items));
	if (!items)
		return error_nomem(err, "listing a directory");
	f->items = items;
	for (; f->n < f->all.len; f->n++)
		items[f->n] = (struct found_name){ f->all.items[f->n], at };
	return 0;
}

/* By name; of one name the topmost layer's first. */
static int compare_found(const void *a, const void *b)
{
	const struct found_name *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (left->at > right->at) - (left->at < right->at);
}

/*
 * Names of all layers' directories, sorted, each once with the topmost layer
 * that has it; whiteouts' among them.
 */
static int list_names(struct view *v, const struct merged *dir,
		      const char *path, struct found_names *f,
		      struct error *err)
{
	size_t kept = 0;

	for (size_t at = 0; at < dir->n; at++)
		if (add_names(v, dir, at, path, f, err) < 0)
			return -1;
	if (f->n)
		qsort(f->items, f->n, sizeof(*f->items), compare_found);
	for (size_t i = 0; i < f->n; i++)
		if (!kept || strcmp(f->items[i].name, f->items[kept - 1].name))
			f->items[kept++] = f->items[i];
	f->n = kept;
	return 0;
}

/* Call `each` for every child that exists; the lock is held. */
static int each_child(struct view *v, const char *path,
		      int (*each)(void *ctx, const char *name,
				  struct view_node *node, struct error *err),
		      void *ctx, struct error *err)
{
	const struct merged *dir = get_merged(v, path, err);
	AUTO(found_names_release) struct found_names names = { 0 };

	if (!dir || list_names(v, dir, path, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		const struct found_name *f = &names.items[i];
		AUTO(view_node_release)
		struct view_node node = { .layer = dir->layers[f->at] };
		autofree char *child = view_join(path, f->name);
		int found;

		if (!child)
			return error_nomem(err, "listing a directory");
		found = view_layer_stat(v->layers[node.layer], child,
					&node.meta, err);
		if (found < 0)
			return -1;
		if (found && node.meta.entry.type != ENTRY_WHITEOUT &&
		    each(ctx, f->name, &node, err) < 0)
			return -1;
	}
	return 0;
}

static int append_name(void *ctx, const char *name, struct view_node *node,
		       struct error *err)
{
	struct strv *ret = ctx;

	(void)node;
	strv_append(ret, name);
	return strv_check(ret, "listing a directory", err);
}

int view_list(struct view *v, const char *path, struct strv *ret,
	      struct error *err)
{
	int rc;

	pthread_mutex_lock(&v->lock);
	rc = each_child(v, path, append_name, ret, err);
	pthread_mutex_unlock(&v->lock);
	return rc;
}

int view_open_file(struct view *v, const struct view_node *node, off_t *offset,
		   struct error *err)
{
	int fd;

	pthread_mutex_lock(&v->lock);
	fd = view_layer_open(v->layers[node->layer], node->meta.entry.path,
			     offset, err);
	pthread_mutex_unlock(&v->lock);
	return fd;
}

/* Children gathered first, so that the callback runs without the lock. */
struct children {
	struct view_node *nodes;
	size_t n;
	size_t capacity;
};

static void children_release(struct children *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		view_node_release(&c->nodes[i]);
	free(c->nodes);
}
DEFINE_RELEASE(struct children, children_release);

static int gather(void *ctx, const char *name, struct view_node *node,
		  struct error *err)
{
	struct children *c = ctx;
	struct view_node *nodes =
		array_room(c->nodes, c->n, &c->capacity, sizeof(*nodes));

	(void)name;
	if (!nodes)
		return error_nomem(err, "listing a directory");
	c->nodes = nodes;
	c->nodes[c->n++] = *node;
	*node = (struct view_node){ 0 };
	return 0;
}

struct visitor {
	struct view *view;
	int (*visit)(void *ctx, struct view *v, const struct view_node *node,
		     struct error *err);
	void *ctx;
};

static int walk_node(const struct visitor *visitor,
		     const struct view_node *node, struct error *err)
{
	AUTO(children_release) struct children c = { 0 };
	int rc = visitor->visit(visitor->ctx, visitor->view, node, err);
	size_t i;

	if (rc || node->meta.entry.type != ENTRY_DIR)
		return rc < 0 ? -1 : 0;
	pthread_mutex_lock(&visitor->view->lock);
	rc = each_child(visitor->view, node->meta.entry.path, gather, &c, err);
	pthread_mutex_unlock(&visitor->view->lock);
	if (rc < 0)
		return -1;
	for (i = 0; i < c.n; i++)
		if (walk_node(visitor, &c.nodes[i], err) < 0)
			return -1;
	return 0;
}

int view_walk(struct view *v, const char *path,
	      int (*visit)(void *ctx, struct view *v,
			   const struct view_node *node, struct error *err),
	      void *ctx, struct error *err)
{
	const struct visitor visitor = { .view = v,
					 .visit = visit,
					 .ctx = ctx };
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = view_lookup(v, path, false, &node, NULL, err);

	if (found < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "'%s' does not exist",
				 path);
	return walk_node(&visitor, &node, err);
}
