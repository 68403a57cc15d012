#include "builder/link_path.h"

#include <string.h>

#include "store/base/buf.h"

/* As many links in one path as the kernel follows. */
#define MAX_LINKS 40

/* A path on its way: what is resolved, and what is still to be looked at. */
struct walk {
	/* See link_path_resolve(). */
	int (*look)(void *ctx, const char *path, struct link_look *ret,
		    struct error *err);
	void *ctx;
	bool follow;

	struct buf done;
	struct buf rest;
	size_t at;	    /* in rest */
	size_t watched_end; /* up to here rest comes from a watched link */
	int links;
	bool climbs;
	bool absent; /* nothing more needs to be asked for */
};

static void walk_release(struct walk *w)
{
	buf_release(&w->done);
	buf_release(&w->rest);
}
DEFINE_RELEASE(struct walk, walk_release);

static void leave_directory(struct buf *done)
{
	const char *slash = done->len ? strrchr(done->data, '/') : NULL;

	buf_truncate(done, slash ? (size_t)(slash - done->data) : 0);
}

/* Replace the link just reached by its target, in front of the rest. */
static int splice_link(struct walk *w, const struct link_look *link,
		       struct error *err)
{
	struct buf rest = BUF_INIT;
	size_t watched = w->watched_end > w->at ? w->watched_end - w->at : 0;

	if (++w->links > MAX_LINKS)
		return error_sys(err, ELOOP, "following '/%s'", w->done.data);
	if (*link->target == '/')
		buf_truncate(&w->done, 0);
	else
		leave_directory(&w->done);
	buf_append_str(&rest, link->target);
	if (link->watched || watched)
		watched += rest.len;
	buf_append_char(&rest, '/');
	buf_append_str(&rest, w->rest.data + w->at);
	if (buf_check(&rest, "a path", err) < 0) {
		buf_release(&rest);
		return -1;
	}
	buf_release(&w->rest);
	w->rest = rest;
	w->at = 0;
	w->watched_end = watched;
	return 0;
}

/* The next component; its length, 0 at the end. */
static size_t next_component(struct walk *w, const char **name)
{
	size_t len;

	while (w->rest.data[w->at] == '/')
		w->at++;
	*name = w->rest.data + w->at;
	len = strcspn(*name, "/");
	w->at += len;
	return len;
}

static bool at_end(const struct walk *w)
{
	return w->rest.data[w->at + strspn(w->rest.data + w->at, "/")] == '\0';
}

static int enter(struct walk *w, const char *name, size_t len,
		 struct error *err)
{
	if (w->done.len)
		buf_append_char(&w->done, '/');
	buf_append(&w->done, name, len);
	return buf_check(&w->done, "a path", err);
}

static void go_up(struct walk *w)
{
	if (w->done.len == 0 && w->at <= w->watched_end)
		w->climbs = true;
	leave_directory(&w->done);
}

/* `name` is neither "." nor "..". */
static int step_into(struct walk *w, const char *name, size_t len,
		     struct error *err)
{
	struct link_look found = { .type = LOOK_ABSENT };

	if (enter(w, name, len, err) < 0)
		return -1;
	if (!w->absent && w->look(w->ctx, w->done.data, &found, err) < 0)
		return -1;
	if (found.type == LOOK_LINK && (w->follow || !at_end(w)))
		return splice_link(w, &found, err);
	if (found.type == LOOK_ABSENT || (found.type != LOOK_DIR && !at_end(w)))
		w->absent = true;
	return 0;
}

static int walk_path(struct walk *w, struct error *err)
{
	const char *name;
	size_t len;

	while ((len = next_component(w, &name)) > 0) {
		if (len == 1 && name[0] == '.')
			continue;
		if (len == 2 && name[0] == '.' && name[1] == '.')
			go_up(w);
		else if (step_into(w, name, len, err) < 0)
			return -1;
	}
	return 0;
}

int link_path_resolve(const char *path, bool follow,
		      int (*look)(void *ctx, const char *path,
				  struct link_look *ret, struct error *err),
		      void *ctx, char **resolved, bool *climbs,
		      struct error *err)
{
	AUTO(walk_release)
	struct walk w = { .follow = follow, .look = look, .ctx = ctx };

	buf_append_str(&w.done, "");
	buf_append_str(&w.rest, path);
	if (buf_check(&w.done, "a path", err) < 0 ||
	    buf_check(&w.rest, "a path", err) < 0 || walk_path(&w, err) < 0)
		return -1;
	*resolved = buf_steal_checked(&w.done, "a path", err);
	if (!*resolved)
		return -1;
	if (climbs)
		*climbs = w.climbs;
	return !w.absent;
}
