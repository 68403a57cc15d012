#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "store/tree_private.h"

#define LIST_SIZE 32768 /* of a getdents64(); a directory mostly fits */

void tree_names_release(struct tree_names *n)
{
	free(n->items);
	free(n->text);
	*n = (struct tree_names){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct tree_name *)a)->name,
		      ((const struct tree_name *)b)->name);
}

static bool is_dot(const char *name)
{
	return name[0] == '.' &&
	       (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Each name as its type, a byte, and its text. Returns how many there are. */
static ssize_t read_names(int fd, struct buf *ret)
{
	_Alignas(struct dirent64) char block[LIST_SIZE];
	ssize_t n, at, count = 0;

	while ((n = getdents64(fd, block, sizeof(block))) > 0) {
		for (at = 0; at < n;) {
			const struct dirent64 *d = (void *)(block + at);

			at += d->d_reclen;
			if (is_dot(d->d_name))
				continue;
			buf_append_char(ret, (char)d->d_type);
			buf_append(ret, d->d_name, strlen(d->d_name) + 1);
			count++;
		}
	}
	return n < 0 ? -1 : count;
}

/* `all` as read_names() left it, taken on success. */
static int sort_names(struct buf *all, size_t n, struct tree_names *ret,
		      struct error *err)
{
	struct tree_names list = { .n = n };
	char *at;
	size_t i;

	list.items = malloc((n ? n : 1) * sizeof(*list.items));
	if (!list.items)
		return error_nomem(err, "listing a directory");
	list.text = at = steal_pointer(&all->data);
	for (i = 0; i < n; i++) {
		list.items[i] =
			(struct tree_name){ at + 1, (unsigned char)at[0] };
		at += strlen(at + 1) + 2;
	}
	if (n > 1)
		qsort(list.items, n, sizeof(*list.items), compare_names);
	*ret = list;
	return 0;
}

/* Sorted names of the directory `dirfd`, which is told as `path`. */
static int list_dir(int dirfd, const char *path, struct tree_names *ret,
		    struct error *err)
{
	autoclose int fd =
		openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(buf_release) struct buf all = BUF_INIT;
	ssize_t n = fd < 0 ? -1 : read_names(fd, &all);

	if (n < 0)
		return error_sys(err, errno, "cannot list '/%s'", path);
	if (buf_check(&all, "listing a directory", err) < 0)
		return -1;
	return sort_names(&all, (size_t)n, ret, err);
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
