/* Paths resolved in the merged root, links followed inside it. */
#include <limits.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/path.h"
#include "store/view_internal.h"

/* As many links as the kernel follows. */
#define LINKS_MAX 40

/* A lookup under way: what is resolved, and what is still to go. */
struct walk {
	struct view *view;
	char *done; /* resolved directory, "" for the root */
	char *left; /* components to go */
	unsigned links;
	bool follow; /* a link at the end, too */
	/* What was found; where, unless NULL, of what is absent as well. */
	struct view_node *ret;
	char **resolved;
};

static void walk_release(struct walk *w)
{
	free(w->done);
	free(w->left);
}
DEFINE_RELEASE(struct walk, walk_release);

/* Take the first component off `left`; NULL without an error at the end. */
static char *next_component(struct walk *w)
{
	char *at = w->left + strspn(w->left, "/");
	size_t len = strcspn(at, "/");
	char *component = len ? strndup(at, len) : NULL;

	memmove(w->left, at + len, strlen(at + len) + 1);
	return component;
}

static bool at_last_component(const struct walk *w)
{
	return w->left[strspn(w->left, "/")] == '\0';
}

/* Put the link's target in front of what is left to go. */
static int follow_link(struct walk *w, const char *target, struct error *err)
{
	char *left;

	if (++w->links > LINKS_MAX)
		return error_sys(err, ELOOP, "cannot resolve '%s'", target);
	if (asprintf(&left, "%s/%s", target, w->left) < 0)
		return error_nomem(err, "resolving a path");
	free(w->left);
	w->left = left;
	if (*target == '/')
		*w->done = '\0';
	return 0;
}

static void go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	*(slash ? slash : w->done) = '\0';
}

static int enter(struct walk *w, char **path)
{
	free(w->done);
	w->done = steal_pointer(path);
	return 2;
}

/* What is absent has no links: the rest is only cleaned. */
static int end_absent(const struct walk *w, const char *path, struct error *err)
{
	autofree char *whole = view_join(path, w->left + strspn(w->left, "/"));

	if (whole && w->resolved)
		*w->resolved = path_clean_rooted(whole);
	if (!whole || (w->resolved && !*w->resolved))
		return error_nomem(err, "resolving a path");
	return 0;
}

static int end_found(const struct walk *w, const char *path, struct error *err)
{
	if (!w->resolved)
		return 1;
	*w->resolved = strdup(path);
	return *w->resolved ? 1 : error_nomem(err, "resolving a path");
}

/* At `node`, which is at `path`; answers as step() does. */
static int arrive(struct walk *w, char **path, struct view_node *node,
		  struct error *err)
{
	enum entry_type type = node->meta.entry.type;
	bool is_last = at_last_component(w);

	if (type == ENTRY_SYMLINK && (w->follow || !is_last))
		return follow_link(w, node->meta.entry.link, err) < 0 ? -1 : 2;
	if (is_last) {
		*w->ret = *node;
		*node = (struct view_node){ 0 };
		return end_found(w, *path, err);
	}
	if (type != ENTRY_DIR)
		return error_sys(err, ENOTDIR, "'%s'", *path);
	return enter(w, path);
}

/*
 * Go one component further: 2 to go on, 1 when that was the end and the node
 * is found, 0 when it is absent, -1.
 */
static int step(struct walk *w, const char *component, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	autofree char *path = view_join(w->done, component);
	int found;

	if (!path)
		return error_nomem(err, "resolving a path");
	if (strlen(path) >= PATH_MAX)
		return error_sys(err, ENAMETOOLONG, "cannot resolve '%.100s'",
				 path);
	/* On the way to many files the same directories are passed. */
	if (!at_last_component(w) && view_knows_dir(w->view, path))
		return enter(w, &path);
	found = view_get_node(w->view, path, &node, err);
	if (found < 0)
		return -1;
	return found ? arrive(w, &path, &node, err) : end_absent(w, path, err);
}

static int look_up(struct walk *w, struct error *err)
{
	int rc = 2;

	while (rc == 2) {
		autofree char *component = next_component(w);

		if (!component) {
			/* Ended in a directory: "", "a/..", "/". */
			rc = view_get_node(w->view, w->done, w->ret, err);
			return rc > 0 ? end_found(w, w->done, err) : rc;
		}
		if (!strcmp(component, "."))
			continue;
		if (!strcmp(component, ".."))
			go_up(w);
		else
			rc = step(w, component, err);
	}
	return rc;
}

int view_lookup(struct view *v, const char *path, bool follow,
		struct view_node *ret, char **resolved, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	char *where = NULL;
	AUTO(walk_release)
	struct walk w = { .view = v,
			  .follow = follow,
			  .ret = &node,
			  .resolved = resolved ? &where : NULL };
	int rc;

	w.done = strdup("");
	w.left = strdup(path);
	if (!w.done || !w.left)
		return error_nomem(err, "resolving a path");
	pthread_mutex_lock(&v->lock);
	rc = look_up(&w, err);
	pthread_mutex_unlock(&v->lock);
	if (rc < 0) {
		free(where);
		return -1;
	}
	if (rc > 0) {
		*ret = node;
		node = (struct view_node){ 0 };
	}
	if (resolved)
		*resolved = where;
	return rc;
}

int view_read_file(struct view *v, const char *path, size_t max,
		   struct buf *ret, struct error *err)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	int found = view_lookup(v, path, true, &node, NULL, err);
	autoclose int fd = -1;
	off_t offset;
	size_t size;
	char *room;

	if (found < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "'%s' does not exist",
				 path);
	if (node.meta.entry.type != ENTRY_FILE)
		return error_set(err, ERROR_REFUSED,
				 "'%s' is not a regular file", path);
	if (node.meta.entry.size > max)
		return error_set(err, ERROR_REFUSED,
				 "'%s' is larger than %zu bytes", path, max);
	size = (size_t)node.meta.entry.size;
	room = buf_reserve(ret, size);
	if (!room)
		return error_nomem(err, "reading a file of the image");
	fd = view_open_file(v, &node, &offset, err);
	if (fd < 0)
		return -1;
	if (io_pread(fd, room, size, offset, path, err) != (ssize_t)size)
		return error_set(err, ERROR_INTEGRITY,
				 "'%s' changed while it was read", path);
	buf_commit(ret, size);
	return 0;
}
