#include "store/tree_place.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/array.h"
#include "store/base/io.h"
#include "store/resolve.h"
#include "store/tree_attrs.h"

static int remember_time(struct tree *t, const char *path,
			 struct timespec mtime, struct error *err)
{
	struct tree_dir_time *times = array_room(
		t->times, t->n_times, &t->times_capacity, sizeof(*times));
	char *copy;

	if (!times)
		return error_nomem(err, "writing a tree");
	t->times = times;
	copy = strdup(path);
	if (!copy)
		return error_nomem(err, "writing a tree");
	t->times[t->n_times++] = (struct tree_dir_time){ copy, mtime };
	return 0;
}

int tree_put_error(const struct place *p, struct error *err)
{
	return error_sys(err, errno, "cannot create '%.200s'", p->path);
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

int tree_look(const struct place *p, struct stat *st, struct error *err)
{
	if (fstatat(p->dirfd, p->name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return error_sys(err, errno, "cannot examine '%.200s'", p->path);
}

int tree_make_free(struct place *p, struct error *err)
{
	const char *name;

	if (unlinkat(p->dirfd, p->name, 0) == 0 || errno == ENOENT)
		return 0;
	if (io_remove_tree(p->dirfd, p->name, err) < 0)
		return error_wrap(err, "replacing '%.200s'", p->path);
	dir_stack_forget(&p->t->dirs);
	p->dirfd = dir_stack_open_parent(&p->t->dirs, p->path, &name, err);
	return p->dirfd < 0 ? -1 : 0;
}

int tree_mark_opaque(const struct place *p, struct error *err)
{
	struct tree_file f = { .dirfd = p->dirfd, .name = p->name, .fd = -1 };
	char name[64];

	snprintf(name, sizeof(name), "%soverlay.opaque", p->t->xattr_prefix);
	if (tree_xattr_set(&f, name, "y", 1, err) < 0)
		return error_wrap(err, "hiding what lies below '%.200s'",
				  p->path);
	return 0;
}

static int set_dir_attrs(const struct place *p, bool existed, struct error *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	autoclose int fd = openat(p->dirfd, p->name, flags);
	struct tree_file f = { .dirfd = p->dirfd, .name = p->name, .fd = fd };

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%.200s'", p->path);
	if (existed && tree_drop_xattrs(&f, p->e, err) < 0)
		return -1;
	if (tree_set_fd_attrs(&f, p->e, err) < 0)
		return -1;
	return remember_time(p->t, p->path, p->e->mtime, err);
}

int tree_put_dir(struct place *p, struct stream *contents, struct error *err)
{
	struct stat st;
	int found = tree_look(p, &st, err);
	bool existed, hides;

	(void)contents;
	if (found < 0)
		return -1;
	existed = found && S_ISDIR(st.st_mode);
	/* Gone below, there again here: nothing shines through. */
	hides = found && is_whiteout(&st);
	if (!existed) {
		if (found && tree_make_free(p, err) < 0)
			return -1;
		if (mkdirat(p->dirfd, p->name, p->e->mode & 0777) < 0)
			return tree_put_error(p, err);
	}
	if (hides && tree_mark_opaque(p, err) < 0)
		return -1;
	return set_dir_attrs(p, existed, err);
}

static int resolve_look(void *ctx, const char *path, enum resolve_kind *kind,
			char **target, struct error *err)
{
	AUTO(tree_entry_release) struct tree_entry e = { 0 };

	*kind = RESOLVE_ABSENT;
	if (tree_stat(ctx, path, &e, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	/* A name that was deleted below may become a directory here. */
	if (e.entry.type == ENTRY_WHITEOUT)
		return 0;
	*kind = e.entry.type == ENTRY_DIR ? RESOLVE_DIR : RESOLVE_OTHER;
	if (e.entry.type == ENTRY_SYMLINK) {
		*kind = RESOLVE_LINK;
		*target = strdup(e.entry.link);
		if (!*target)
			return error_nomem(err, "following a link");
	}
	return 0;
}

char *tree_resolve(struct tree *t, const char *path, size_t len,
		   struct error *err)
{
	const struct resolver r = { .look = resolve_look,
				    .ctx = t,
				    .strict = t->links == TREE_LINKS_REFUSE };
	autofree char *part = strndup(path, len);

	if (!part) {
		error_nomem(err, "following links");
		return NULL;
	}
	return resolve_path(&r, part, true, err);
}

/* Make the directory `path` as one that no entry told of. */
static int make_implied_dir(struct tree *t, const char *path, struct error *err)
{
	const struct entry e = { .path = path,
				 .type = ENTRY_DIR,
				 .mode = 0755 };
	struct place p = { .t = t, .e = &e, .path = path };
	struct stat st;
	int found;

	p.dirfd = dir_stack_open_parent(&t->dirs, path, &p.name, err);
	found = p.dirfd < 0 ? -1 : tree_look(&p, &st, err);
	if (found < 0)
		return -1;
	/* A name deleted below may be used again; a file is in the way. */
	if (found && !is_whiteout(&st))
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' is not a directory", path);
	return tree_put_dir(&p, NULL, err);
}

int tree_make_dirs(struct tree *t, char *path, struct error *err)
{
	char *end = path;

	while (*end) {
		char *slash = strchrnul(end + 1, '/');
		char saved = *slash;
		int status;

		*slash = '\0';
		status = dir_stack_open(&t->dirs, path, strlen(path), err);
		if (status < 0 && (err->sys == ENOENT || err->sys == ENOTDIR)) {
			error_clear(err);
			status = make_implied_dir(t, path, err);
		}
		*slash = saved;
		if (status < 0)
			return -1;
		end = slash;
	}
	return 0;
}

int tree_find_place(struct place *p, const char *path, char **resolved,
		    struct error *err)
{
	struct buf whole = BUF_INIT;
	autofree char *parent = NULL;

	p->path = path;
	p->dirfd = dir_stack_open_parent(&p->t->dirs, path, &p->name, err);
	if (p->dirfd >= 0)
		return 0;
	if (err->sys != ENOENT && err->sys != ENOTDIR)
		return -1;
	error_clear(err);
	parent = tree_resolve(p->t, path, (size_t)(p->name - path), err);
	if (!parent || tree_make_dirs(p->t, parent, err) < 0)
		return -1;
	buf_printf(&whole, "%s%s%s", parent, *parent ? "/" : "", p->name);
	*resolved = buf_steal_checked(&whole, "writing a tree", err);
	if (!*resolved)
		return -1;
	p->path = *resolved;
	p->dirfd = dir_stack_open_parent(&p->t->dirs, p->path, &p->name, err);
	return p->dirfd < 0 ? -1 : 0;
}
