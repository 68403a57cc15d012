#include <limits.h>
#include <string.h>

#include "store/base/array.h"
#include "store/tree_ahead.h"

/* One directory on the way down. */
struct level {
	struct tree_listing list;
	size_t next;
	size_t path_len;
};

struct walk {
	struct tree *t;
	const struct tree_visitor *v;
	struct tree_ahead *ahead; /* or NULL */
	struct dir_stack dirs;	  /* its own: callbacks use the tree's */
	struct buf path;	  /* of the current entry */
	struct level *levels;
	size_t depth;
	size_t capacity;
};

static void walk_release(struct walk *w)
{
	while (w->depth > 0)
		tree_listing_release(&w->levels[--w->depth].list);
	free(w->levels);
	tree_ahead_free(w->ahead);
	buf_release(&w->path);
	dir_stack_release(&w->dirs);
}
DEFINE_RELEASE(struct walk, walk_release);

static const char *path_of(const struct walk *w)
{
	return w->path.data ? w->path.data : "";
}

/* What the directory w->path holds. */
static int list(struct walk *w, struct tree_listing *ret, struct error *err)
{
	if (w->ahead)
		return tree_ahead_take(w->ahead, &w->dirs, path_of(w), ret,
				       err);
	return tree_list_in(&w->dirs, path_of(w), &ret->names, err) < 0 ? -1
									: 0;
}

/* List the directory w->path and go on inside it. */
static int descend(struct walk *w, struct error *err)
{
	struct level level = { .path_len = w->path.len }, *levels;

	levels = array_room(w->levels, w->depth, &w->capacity, sizeof(*levels));
	if (!levels)
		return error_nomem(err, "walking a tree");
	w->levels = levels;
	if (list(w, &level.list, err) < 0)
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
	tree_listing_release(&level->list);
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

/* What was read ahead about the name `i` of the deepest directory. */
static struct tree_known known_of(const struct walk *w,
				  const struct level *level, size_t i)
{
	struct tree_known ret = { .st = tree_listing_stat(&level->list, i) };

	if (ret.st && S_ISDIR(ret.st->st_mode))
		ret.plain = tree_ahead_plain(w->ahead, path_of(w));
	return ret;
}

/* Visit the name `i` of the deepest directory. */
static int visit_name(struct walk *w, const struct level *level, size_t i,
		      struct error *err)
{
	const char *name = level->list.names.items[i].name;
	AUTO(tree_entry_release) struct tree_entry e = { 0 };
	bool is_socket;
	int dirfd = -1, found, status;

	if (set_path(w, level, name, err) < 0)
		return -1;
	if (!w->ahead) {
		dirfd = dir_stack_open(&w->dirs, path_of(w), level->path_len,
				       err);
		if (dirfd < 0)
			return -1;
	}
	found = tree_read_entry(w->t, &w->dirs, path_of(w),
				known_of(w, level, i), &e, &is_socket, err);
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

	dir_stack_init(&w.dirs, t->root, true, DIR_STACK_OPEN);
	if (t->enters)
		w.ahead = tree_ahead_new(t);
	if (descend(&w, err) < 0)
		return -1;
	while (w.depth > 0) {
		struct level *level = &w.levels[w.depth - 1];
		int status;

		if (level->next == level->list.names.n)
			status = ascend(&w, err);
		else
			status = visit_name(&w, level, level->next++, err);
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
