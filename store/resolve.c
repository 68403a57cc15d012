#include "store/resolve.h"

#include <string.h>

#include "store/base/buf.h"

/* A resolution under way: what is resolved, and what is still to walk. */
struct walk {
	const struct resolver *r;
	struct buf done;
	char *rest; /* owned */
	const char *next;
	unsigned links;
	bool in_link; /* what is walked now came from a link */
};

static int leads_out(const struct walk *w, const char *path, struct error *err)
{
	if (!w->r->strict || !w->in_link)
		return 0;
	return error_set(err, ERROR_REFUSED,
			 "'%.200s' goes through a link that leads out of the "
			 "root",
			 path);
}

static int go_up(struct walk *w, const char *path, struct error *err)
{
	char *slash;

	if (w->done.len == 0)
		return leads_out(w, path, err);
	slash = memrchr(w->done.data, '/', w->done.len);
	buf_truncate(&w->done, slash ? (size_t)(slash - w->done.data) : 0);
	return 0;
}

/* Continue with the target, then with what was behind the link. */
static int enter_link(struct walk *w, const char *target, size_t before,
		      const char *path, struct error *err)
{
	struct buf rest = BUF_INIT;
	char *joined;

	if (++w->links > RESOLVE_LINKS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "too many links on the way to '%.200s'", path);
	w->in_link = true;
	if (target[0] == '/') {
		if (leads_out(w, path, err) < 0)
			return -1;
		before = 0;
	}
	buf_append_str(&rest, target);
	buf_append_char(&rest, '/');
	buf_append_str(&rest, w->next);
	joined = buf_steal_checked(&rest, "following links", err);
	if (!joined)
		return -1;
	free(w->rest);
	w->rest = joined;
	w->next = joined;
	buf_truncate(&w->done, before);
	return 0;
}

static int go_down(struct walk *w, const char *name, size_t len, bool follow,
		   const char *path, struct error *err)
{
	autofree char *target = NULL;
	size_t before = w->done.len;
	enum resolve_kind kind;
	bool last = *w->next == '\0';

	if (before > 0)
		buf_append_char(&w->done, '/');
	buf_append(&w->done, name, len);
	if (buf_check(&w->done, "following links", err) < 0 ||
	    w->r->look(w->r->ctx, w->done.data, &kind, &target, err) < 0)
		return -1;
	if (kind == RESOLVE_LINK && (!last || follow))
		return enter_link(w, target, before, path, err);
	if (kind == RESOLVE_OTHER && !last)
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' is not a directory", w->done.data);
	return 0;
}

static int step(struct walk *w, bool follow, const char *path,
		struct error *err)
{
	const char *name = w->next;
	size_t len = strcspn(name, "/");

	w->next += len;
	w->next += strspn(w->next, "/");
	if (len == 0 || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return go_up(w, path, err);
	return go_down(w, name, len, follow, path, err);
}

char *resolve_path(const struct resolver *r, const char *path, bool follow,
		   struct error *err)
{
	struct walk w = { .r = r, .done = BUF_INIT, .next = path };
	int status = 0;

	while (status == 0 && *w.next)
		status = step(&w, follow, path, err);
	free(w.rest);
	if (status < 0) {
		buf_release(&w.done);
		return NULL;
	}
	return buf_steal_checked(&w.done, "following links", err);
}
