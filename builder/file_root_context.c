/* A file root over a build context: a directory seen through its patterns. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/file_root_kind.h"
#include "builder/link_path.h"
#include "store/base/confined.h"
#include "store/base/path.h"

struct context_root {
	struct file_root base;
	struct tree *tree; /* the whole context, patterns not applied */
};

static struct context_root *context_root_of(struct file_root *r)
{
	return (struct context_root *)r;
}

static int open_subtree(struct context *c, const char *path, struct tree **ret,
			struct error *err)
{
	int fd = confined_open(context_fd(c), path,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);

	if (fd < 0)
		return error_wrap(err, "reading the build context");
	if (tree_new(fd, "", ret, err) < 0)
		return -1;
	tree_show_sockets(*ret);
	return 0;
}

/* Looks at the files of a context; what it found last. */
struct looking {
	struct context_root *root;
	struct tree_entry found;
};

static int look_at(void *ctx, const char *path, struct link_look *ret,
		   struct error *err)
{
	struct looking *l = ctx;

	tree_entry_release(&l->found);
	l->found = (struct tree_entry){ 0 };
	if (tree_stat(l->root->tree, path, &l->found, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND && err->sys != ENOENT &&
		    err->sys != ENOTDIR)
			return -1;
		error_clear(err);
		return 0;
	}
	ret->type = l->found.entry.type == ENTRY_DIR ? LOOK_DIR : LOOK_OTHER;
	if (l->found.entry.type != ENTRY_SYMLINK)
		return 0;
	/* A hidden link does not exist, whatever it leads to. */
	if (context_ignores(l->root->base.context, path, NULL, NULL)) {
		ret->type = LOOK_ABSENT;
		return 0;
	}
	ret->type = LOOK_LINK;
	ret->target = l->found.entry.link;
	return 0;
}

static bool is_visible(const struct context *c, const char *path, bool is_dir)
{
	return !context_ignores(c, path, NULL, NULL) ||
	       (is_dir && context_may_hold(c, path));
}

/* What lies at a path without links: 1, or 0 when it is hidden. */
static int node_from_context(struct context_root *c, const char *path,
			     struct file_node **ret, struct error *err)
{
	AUTO(tree_entry_release) struct tree_entry e = { 0 };
	AUTO(file_node_free) struct file_node *n = NULL;

	if (tree_stat(c->tree, path, &e, err) < 0 ||
	    file_node_new(&e, path, &n, err) < 0)
		return -1;
	if (!is_visible(c->base.context, path, n->meta.type == ENTRY_DIR))
		return 0;
	*ret = steal_pointer(&n);
	return 1;
}

static int context_root_lookup(struct file_root *r, const char *path,
			       struct file_node **ret, struct error *err)
{
	struct context_root *c = context_root_of(r);
	struct looking l = { .root = c };
	autofree char *resolved = NULL;
	int found = link_path_resolve(path, true, look_at, &l, &resolved, NULL,
				      err);

	tree_entry_release(&l.found);
	if (found <= 0)
		return found;
	return node_from_context(c, resolved, ret, err);
}

static char *context_root_reason(struct file_root *r, const char *path)
{
	struct buf text = BUF_INIT;
	const char *file = NULL;
	int line = 0;

	if (!context_ignores(r->context, path, &line, &file))
		return NULL;
	buf_printf(&text, "excluded by %s:%d", file, line);
	return buf_steal(&text);
}

static int context_root_list(struct file_root *r, const char *path,
			     struct strv *ret, struct error *err)
{
	int fd = confined_open(context_fd(r->context), path,
			       O_RDONLY | O_DIRECTORY, 0, err);
	autodir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return fd < 0 ? -1 : error_nomem(err, "reading a directory");
	}
	errno = 0;
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			strv_append(ret, d->d_name);
		errno = 0;
	}
	if (errno)
		return error_sys(err, errno, "cannot list '%s' of %s", path,
				 r->name);
	strv_sort(ret);
	return strv_check(ret, "a directory's names", err);
}

/*
 * Hidden directories that a '!' pattern may look into are held back until
 * something below them turns out to be visible.
 */
struct context_visit {
	struct context_root *root;
	int (*visit)(void *ctx, struct file_node *n, struct error *err);
	void *ctx;
	struct buf path; /* the top's path and a slash, then the file's */
	size_t prefix_len;
	struct digest digest;	/* of the file visited next, if known */
	struct file_nodes held; /* each below the one before */
};

/* Drop the held directories that `path` is not below. */
static void drop_left(struct file_nodes *held, const char *path)
{
	while (held->len > 0) {
		struct file_node *last = held->items[held->len - 1];

		if (path_is_below(path, last->meta.path))
			return;
		file_node_free(last);
		held->len--;
	}
}

static int pass_held(struct context_visit *v, struct error *err)
{
	for (size_t i = 0; i < v->held.len; i++) {
		struct file_node *n = steal_pointer(&v->held.items[i]);

		if (v->visit(v->ctx, n, err) < 0)
			return -1;
	}
	v->held.len = 0;
	return 0;
}

/*
 * Notes the file's remembered digest for its visit, which follows. The
 * attributes of a file that has any are read every time.
 */
static bool recall_plain(void *ctx, const struct stat *st)
{
	struct context_visit *v = ctx;
	bool plain = false;

	v->digest = (struct digest){ 0 };
	return file_digests_get(context_digests(v->root->base.context), st,
				&v->digest, &plain) &&
	       plain;
}

/* A subtree of a context. */
struct subtree {
	const struct context *context;
	const char *path;
};

/* On any thread; see tree_read_ahead(). */
static bool enters(void *ctx, const char *path)
{
	const struct subtree *s = ctx;
	AUTO(buf_release) struct buf full = BUF_INIT;

	if (!context_filters(s->context))
		return true;
	if (*s->path)
		buf_printf(&full, "%s/", s->path);
	buf_append_str(&full, path);
	return full.failed || is_visible(s->context, full.data, true);
}

static int visit_context_file(void *ctx, const struct tree_entry *e, int dirfd,
			      const char *name, struct error *err)
{
	struct context_visit *v = ctx;
	const struct context *c = v->root->base.context;
	bool is_dir = e->entry.type == ENTRY_DIR;
	AUTO(file_node_free) struct file_node *n = NULL;
	struct digest digest = v->digest;
	bool hidden;

	(void)dirfd;
	(void)name;
	v->digest = (struct digest){ 0 };
	buf_truncate(&v->path, v->prefix_len);
	buf_append_str(&v->path, e->entry.path);
	if (buf_check(&v->path, "a path", err) < 0)
		return -1;
	hidden = context_ignores(c, v->path.data, NULL, NULL);
	if (hidden && !(is_dir && context_may_hold(c, v->path.data)))
		return is_dir; /* a directory is skipped whole */
	if (file_node_new(e, v->path.data, &n, err) < 0)
		return -1;
	n->digest = digest;
	drop_left(&v->held, v->path.data);
	if (hidden)
		return file_nodes_take(&v->held, steal_pointer(&n), err);
	if (pass_held(v, err) < 0)
		return -1;
	return v->visit(v->ctx, steal_pointer(&n), err);
}

static int context_root_walk(struct file_root *r, const char *path,
			     int (*visit)(void *ctx, struct file_node *n,
					  struct error *err),
			     void *ctx, struct error *err)
{
	struct context_visit v = {
		.root = context_root_of(r),
		.visit = visit,
		.ctx = ctx,
	};
	struct subtree subtree = { .context = r->context, .path = path };
	AUTO(tree_free) struct tree *tree = NULL;
	int walked;

	if (open_subtree(r->context, path, &tree, err) < 0)
		return -1;
	tree_set_plain(tree, recall_plain, &v);
	tree_read_ahead(tree, enters, &subtree);
	buf_append_str(&v.path, path);
	if (*path)
		buf_append_char(&v.path, '/');
	v.prefix_len = v.path.len;
	walked = tree_walk(tree, visit_context_file, &v, err);
	buf_release(&v.path);
	file_nodes_release(&v.held);
	return walked;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A socket cannot be opened, and is empty. */
static int open_empty(struct error *err)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open /dev/null");
	error_clear(err);
	return fd;
}

static int context_root_open(struct file_root *r, const struct file_node *n,
			     off_t *offset, struct error *err)
{
	autoclose int fd = confined_open(
		context_fd(r->context), n->meta.path,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, err);
	struct stat st;

	*offset = 0;
	if (fd < 0 && err->sys == ENXIO && n->meta.size == 0)
		return open_empty(err);
	if (fd < 0)
		return error_wrap(err, "reading '%s' of %s", n->meta.path,
				  r->name);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot read '%s'", n->meta.path);
	if (st.st_ino != n->inode || (uint64_t)st.st_size != n->meta.size ||
	    !same_time(st.st_ctim, n->ctime))
		return error_set(
			err, ERROR_INTEGRITY,
			"'%s' of %s changed during the build; build again",
			n->meta.path, r->name);
	return steal_fd(&fd);
}

/* The part of a stat that file digests are remembered by. */
static struct stat stat_of(const struct file_node *n)
{
	return (struct stat){
		.st_dev = n->device,
		.st_ino = n->inode,
		.st_mode = S_IFREG | n->meta.mode,
		.st_size = (off_t)n->meta.size,
		.st_mtim = n->meta.mtime,
		.st_ctim = n->ctime,
	};
}

static bool context_root_recall(struct file_root *r, struct file_node *n)
{
	struct stat st = stat_of(n);
	bool plain;

	return file_digests_get(context_digests(r->context), &st, &n->digest,
				&plain);
}

static int context_root_remember(struct file_root *r, const struct file_node *n,
				 struct error *err)
{
	struct stat st = stat_of(n);

	return file_digests_put(context_digests(r->context), &st, &n->digest,
				n->meta.n_xattrs == 0, err);
}

static void context_root_free(struct file_root *r)
{
	struct context_root *c = context_root_of(r);

	tree_free(c->tree);
	free(c);
}

static const struct file_root_kind context_kind = {
	.keeps_owners = false,
	.lookup = context_root_lookup,
	.reason = context_root_reason,
	.list = context_root_list,
	.walk = context_root_walk,
	.open = context_root_open,
	.recall = context_root_recall,
	.remember = context_root_remember,
	.free = context_root_free,
};

int file_root_from_context(struct context *c, const char *name,
			   struct file_root **ret, struct error *err)
{
	struct context_root *r = calloc(1, sizeof(*r));

	if (!r)
		return error_nomem(err, "a root of files");
	r->base.kind = &context_kind;
	r->base.context = c;
	r->base.name = strdup(name);
	if (!r->base.name) {
		file_root_free(&r->base);
		return error_nomem(err, "a root of files");
	}
	if (open_subtree(c, "", &r->tree, err) < 0) {
		file_root_free(&r->base);
		return -1;
	}
	*ret = &r->base;
	return 0;
}
