#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "store/tree_private.h"

void tree_names_release(struct tree_names *n)
{
	size_t i;

	for (i = 0; i < n->n; i++)
		free(n->items[i].name);
	free(n->items);
	*n = (struct tree_names){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct tree_name *)a)->name,
		      ((const struct tree_name *)b)->name);
}

static int add_name(struct tree_names *list, size_t *capacity,
		    const struct dirent *d, struct error *err)
{
	char *name = strdup(d->d_name);

	if (name && list->n == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 32;
		struct tree_name *items =
			realloc(list->items, more * sizeof(*items));

		if (!items) {
			free(name);
			name = NULL;
		} else {
			list->items = items;
			*capacity = more;
		}
	}
	if (!name)
		return error_nomem(err, "listing a directory");
	list->items[list->n++] = (struct tree_name){ name, d->d_type };
	return 0;
}

static bool is_dot(const char *name)
{
	return name[0] == '.' &&
	       (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Sorted names of the directory `dirfd`, which is told as `path`. */
static int list_dir(int dirfd, const char *path, struct tree_names *ret,
		    struct error *err)
{
	AUTO(tree_names_release) struct tree_names list = { 0 };
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	size_t capacity = 0;

	if (!dir) {
		int sys = errno;

		if (fd >= 0)
			close(fd);
		return error_sys(err, sys, "cannot list '/%s'", path);
	}
	while ((errno = 0, d = readdir(dir)))
		if (!is_dot(d->d_name) &&
		    add_name(&list, &capacity, d, err) < 0)
			return -1;
	if (errno)
		return error_sys(err, errno, "cannot list '/%s'", path);
	if (list.n > 1)
		qsort(list.items, list.n, sizeof(*list.items), compare_names);
	*ret = list;
	list = (struct tree_names){ 0 };
	return 0;
}

int tree_list(struct tree *t, const char *path, struct tree_names *ret,
	      struct error *err)
{
	int dirfd = dir_stack_open(&t->dirs, path, strlen(path), err);

	if (dirfd < 0 && err->sys == ENOTDIR)
		err->kind = ERROR_NOT_FOUND;
	return dirfd < 0 ? -1 : list_dir(dirfd, path, ret, err);
}

/* One directory on the way down. */
struct level {
	struct tree_names names;
	size_t next;
	size_t path_len;
};

struct walk {
	struct tree *t;
	const struct tree_visitor *v;
	struct dir_stack dirs; /* its own: callbacks use the tree's */
	struct buf path;       /* of the current entry */
	struct level *levels;
	size_t depth;
	size_t capacity;
};

static void walk_release(struct walk *w)
{
	while (w->depth > 0)
		tree_names_release(&w->levels[--w->depth].names);
	free(w->levels);
	buf_release(&w->path);
	dir_stack_release(&w->dirs);
}
DEFINE_RELEASE(struct walk, walk_release);

static const char *path_of(const struct walk *w)
{
	return w->path.data ? w->path.data : "";
}

/* List the directory w->path and go on inside it. */
static int descend(struct walk *w, struct error *err)
{
	struct level level = { .path_len = w->path.len };
	int dirfd;

	if (w->depth == w->capacity) {
		size_t more = w->capacity ? w->capacity * 2 : 16;
		struct level *levels =
			realloc(w->levels, more * sizeof(*levels));

		if (!levels)
			return error_nomem(err, "walking a tree");
		w->levels = levels;
		w->capacity = more;
	}
	dirfd = dir_stack_open(&w->dirs, path_of(w), w->path.len, err);
	if (dirfd < 0 || list_dir(dirfd, path_of(w), &level.names, err) < 0)
		return -1;
	w->levels[w->depth++] = level;
	return 0;
}

/* The deepest directory is done. */
static int ascend(struct walk *w, struct error *err)
{
	struct level *level = &w->levels[w->depth - 1];
	size_t parent_len = 0;
	const char *name;
	int dirfd;

	buf_truncate(&w->path, level->path_len);
	tree_names_release(&level->names);
	w->depth--;
	if (!w->v->leave)
		return 0;
	if (w->depth > 0)
		parent_len = w->levels[w->depth - 1].path_len;
	dirfd = dir_stack_open(&w->dirs, path_of(w), parent_len, err);
	if (dirfd < 0)
		return -1;
	name = path_of(w) + parent_len + (parent_len > 0);
	return w->v->leave(w->v->ctx, path_of(w), dirfd, name, err);
}

static int set_path(struct walk *w, const struct level *level, const char *name,
		    struct error *err)
{
	buf_truncate(&w->path, level->path_len);
	if (level->path_len > 0)
		buf_append_char(&w->path, '/');
	buf_append_str(&w->path, name);
	if (w->path.len >= PATH_MAX)
		return error_set(err, ERROR_REFUSED,
				 "'%.100s...' is a path of %zu bytes, too long "
				 "for a layer",
				 w->path.data, w->path.len);
	return buf_check(&w->path, "walking a tree", err);
}

static int visit_name(struct walk *w, struct level *level, const char *name,
		      struct error *err)
{
	AUTO(tree_entry_release) struct tree_entry e = { 0 };
	bool is_socket;
	int dirfd, found, status;

	if (set_path(w, level, name, err) < 0)
		return -1;
	dirfd = dir_stack_open(&w->dirs, path_of(w), level->path_len, err);
	if (dirfd < 0)
		return -1;
	found = tree_read_entry(w->t, dirfd, name, path_of(w), &e, &is_socket,
				err);
	if (found < 0)
		return -1;
	if (is_socket && w->v->socket)
		return w->v->socket(w->v->ctx, path_of(w), dirfd, name, err);
	if (!found)
		return 0;
	status = w->v->visit(w->v->ctx, &e, dirfd, name, err);
	if (status < 0)
		return -1;
	if (status == 0 && e.entry.type == ENTRY_DIR)
		return descend(w, err);
	return 0;
}

int tree_walk_with(struct tree *t, const struct tree_visitor *v,
		   struct error *err)
{
	AUTO(walk_release) struct walk w = { .t = t, .v = v };

	dir_stack_init(&w.dirs, t->root);
	if (descend(&w, err) < 0)
		return -1;
	while (w.depth > 0) {
		struct level *level = &w.levels[w.depth - 1];
		int status;

		if (level->next == level->names.n)
			status = ascend(&w, err);
		else
			status = visit_name(
				&w, level,
				level->names.items[level->next++].name, err);
		if (status < 0)
			return -1;
	}
	return 0;
}

int tree_walk(struct tree *t,
	      int (*visit)(void *ctx, const struct tree_entry *e, int dirfd,
			   const char *name, struct error *err),
	      void *ctx, struct error *err)
{
	const struct tree_visitor v = { .visit = visit, .ctx = ctx };

	return tree_walk_with(t, &v, err);
}
