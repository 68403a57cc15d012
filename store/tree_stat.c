/* From what the file system says to entries. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "store/tree_private.h"
#include "store/xattr_rules.h"

void tree_entry_release(struct tree_entry *e)
{
	free(e->storage);
	*e = (struct tree_entry){ 0 };
}

/* What is gathered about one file before its storage is made. */
struct gathered {
	struct tree_entry *ret;
	const char *path;
	struct dir_stack *dirs;
	struct tree_file file; /* its directory is opened when needed */
	struct buf link;
	struct buf names;  /* NUL-terminated names of kept attributes */
	struct buf values; /* behind one another */
	struct buf sizes;  /* size_t each */
	bool refused;	   /* has a mark of overlayfs we cannot honour */
	struct buf node;   /* text of TREE_NOTE_NODE */
	struct buf owner;  /* text of TREE_NOTE_OWNER */
};

static void gathered_release(struct gathered *g)
{
	buf_release(&g->link);
	buf_release(&g->names);
	buf_release(&g->values);
	buf_release(&g->sizes);
	buf_release(&g->node);
	buf_release(&g->owner);
}
DEFINE_RELEASE(struct gathered, gathered_release);

static int reach(struct gathered *g, struct error *err)
{
	if (g->file.dirfd < 0)
		g->file.dirfd = dir_stack_open_parent(g->dirs, g->path,
						      &g->file.name, err);
	return g->file.dirfd < 0 ? -1 : 0;
}

static int keep_xattr(struct gathered *g, const char *name, struct error *err)
{
	size_t before = g->values.len, size;
	int found = tree_xattr_get(&g->file, name, &g->values, err);

	if (found <= 0)
		return found;
	size = g->values.len - before;
	if (!strcmp(name, XATTR_CAPABILITY)) {
		size = xattr_capability_portable(g->values.data + before, size);
		buf_truncate(&g->values, before + size);
	}
	buf_append(&g->names, name, strlen(name) + 1);
	buf_append(&g->sizes, &size, sizeof(size));
	return 0;
}

/* A mark of overlayfs, `name` without the prefix. */
static int take_overlay_mark(struct gathered *g, const char *full,
			     const char *name, struct error *err)
{
	AUTO(buf_release) struct buf value = BUF_INIT;

	if (!strcmp(name, "redirect") || !strcmp(name, "metacopy"))
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' is only half there: overlayfs "
				 "marked it '%s'",
				 g->path, full);
	if (strcmp(name, "opaque") != 0)
		return 0;
	if (tree_xattr_get(&g->file, full, &value, err) < 0)
		return -1;
	if (value.len == 1 && value.data[0] == 'y')
		g->ret->opaque = g->ret->entry.type == ENTRY_DIR;
	return 0;
}

static int take_xattr(struct gathered *g, const struct tree *t,
		      const char *name, struct error *err)
{
	static const char overlay[] = "overlay.";
	size_t prefix = strlen(t->xattr_prefix);

	if (!strncmp(name, t->xattr_prefix, prefix) &&
	    !strncmp(name + prefix, overlay, sizeof(overlay) - 1))
		return take_overlay_mark(
			g, name, name + prefix + sizeof(overlay) - 1, err);
	if (!strcmp(name, TREE_NOTE_NODE))
		return tree_xattr_get(&g->file, name, &g->node, err) < 0 ? -1
									 : 0;
	if (!strcmp(name, TREE_NOTE_OWNER))
		return tree_xattr_get(&g->file, name, &g->owner, err) < 0 ? -1
									  : 0;
	return xattr_is_kept(name) ? keep_xattr(g, name, err) : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int take_xattrs(struct gathered *g, const struct tree *t,
		       struct error *err)
{
	autofree const char **sorted = NULL;
	autofree char *names = NULL;
	size_t len, i, n = 0;

	if (reach(g, err) < 0 ||
	    tree_xattr_list(&g->file, &names, &len, err) < 0)
		return -1;
	if (len == 0)
		return 0;
	sorted = malloc(len * sizeof(*sorted));
	if (!sorted)
		return error_nomem(err, "reading attributes");
	for (i = 0; i < len; i += strlen(names + i) + 1)
		sorted[n++] = names + i;
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (i = 0; i < n; i++)
		if (take_xattr(g, t, sorted[i], err) < 0)
			return -1;
	return 0;
}

static int take_link(struct gathered *g, const struct stat *st,
		     struct error *err)
{
	size_t size = (st->st_size > 0 ? (size_t)st->st_size : 4095) + 1;
	char *to = buf_reserve(&g->link, size);
	ssize_t n;

	if (!to)
		return buf_check(&g->link, "reading a link", err);
	if (reach(g, err) < 0)
		return -1;
	n = readlinkat(g->file.dirfd, g->file.name, to, size);
	if (n < 0 || (size_t)n >= size)
		return error_sys(err, n < 0 ? errno : EAGAIN,
				 "cannot read the link '%s'", g->path);
	buf_commit(&g->link, (size_t)n);
	return 0;
}

/* Attributes whose names and values go where `text` points. */
static void store_xattrs(const struct gathered *g, struct xattr *xattrs,
			 size_t n, char *text)
{
	char *names = text, *values = text + g->names.len;

	memcpy(names, g->names.data, g->names.len);
	memcpy(values, g->values.data, g->values.len);
	for (size_t i = 0; i < n; i++) {
		size_t size;

		memcpy(&size, g->sizes.data + i * sizeof(size), sizeof(size));
		xattrs[i] = (struct xattr){ names, values, size };
		names += strlen(names) + 1;
		values += size;
	}
}

/* Lay everything out in one block: attributes, then texts and values. */
static int store(struct gathered *g, struct error *err)
{
	struct tree_entry *ret = g->ret;
	size_t n = g->sizes.len / sizeof(size_t);
	size_t path_len = strlen(g->path) + 1;
	struct xattr *xattrs;
	char *text;

	if (g->link.failed || g->names.failed || g->values.failed ||
	    g->sizes.failed)
		return error_nomem(err, "reading a tree");
	ret->storage = malloc(n * sizeof(*xattrs) + path_len + g->link.len + 1 +
			      g->names.len + g->values.len);
	if (!ret->storage)
		return error_nomem(err, "reading a tree");
	xattrs = (struct xattr *)ret->storage;
	text = ret->storage + n * sizeof(*xattrs);
	ret->entry.path = memcpy(text, g->path, path_len);
	text += path_len;
	if (g->link.len > 0)
		ret->entry.link = memcpy(text, g->link.data, g->link.len + 1);
	text += g->link.len + 1;
	if (n > 0) {
		store_xattrs(g, xattrs, n, text);
		ret->entry.xattrs = xattrs;
	}
	ret->entry.n_xattrs = n;
	return 0;
}

static enum entry_type type_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return ENTRY_DIR;
	case S_IFLNK:
		return ENTRY_SYMLINK;
	case S_IFCHR:
		return st->st_rdev == 0 ? ENTRY_WHITEOUT : ENTRY_CHAR;
	case S_IFBLK:
		return ENTRY_BLOCK;
	case S_IFIFO:
		return ENTRY_FIFO;
	default:
		return ENTRY_FILE;
	}
}

static void take_stat(struct tree_entry *ret, const struct stat *st)
{
	struct entry *e = &ret->entry;

	*ret = (struct tree_entry){ .inode = st->st_ino,
				    .device = st->st_dev,
				    .ctime = st->st_ctim,
				    .n_links = (uint32_t)st->st_nlink };
	e->type = type_of(st);
	e->mode = st->st_mode & 07777;
	e->uid = st->st_uid;
	e->gid = st->st_gid;
	e->mtime = st->st_mtim;
	if (e->type == ENTRY_FILE)
		e->size = (uint64_t)st->st_size;
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK) {
		e->dev_major = major(st->st_rdev);
		e->dev_minor = minor(st->st_rdev);
	}
}

/* A placeholder is what its note says. */
static void take_note(struct gathered *g)
{
	struct entry *e = &g->ret->entry;
	unsigned major_number, minor_number;
	char type;

	if (g->node.len == 0 || e->type != ENTRY_FILE ||
	    sscanf(g->node.data, "%c %u:%u", &type, &major_number,
		   &minor_number) != 3)
		return;
	e->type = type == 'b' ? ENTRY_BLOCK : ENTRY_CHAR;
	e->size = 0;
	e->dev_major = major_number;
	e->dev_minor = minor_number;
}

/*
 * Whoever may write to a file may put notes on it: those of ours alone count,
 * so that nobody makes theirs out to be ours.
 */
static void take_owner_note(struct gathered *g)
{
	struct entry *e = &g->ret->entry;
	unsigned uid, gid;

	if (g->owner.len == 0 || e->uid != 0 || e->gid != 0 ||
	    sscanf(g->owner.data, "%u:%u", &uid, &gid) != 2)
		return;
	e->uid = uid;
	e->gid = gid;
}

static bool may_have_xattrs(const struct tree *t, const struct stat *st,
			    enum entry_type type)
{
	if (type == ENTRY_WHITEOUT)
		return false;
	return !t->is_plain || !S_ISREG(st->st_mode) ||
	       !t->is_plain(t->is_plain_ctx, st);
}

static int stat_file(struct gathered *g, struct stat *st, struct error *err)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (reach(g, err) < 0)
		return -1;
	if (!*g->file.name)
		flags |= AT_EMPTY_PATH;
	if (fstatat(g->file.dirfd, g->file.name, st, flags) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return error_sys(err, errno, "cannot examine '%s'", g->path);
}

static int read_entry(const struct tree *t, struct dir_stack *dirs,
		      const char *path, struct tree_known known,
		      struct tree_entry *ret, bool *is_socket,
		      struct error *err)
{
	AUTO(gathered_release)
	struct gathered g = {
		.path = path,
		.dirs = dirs,
		.file = { .dirfd = -1, .fd = -1 },
	};
	struct tree_entry entry;
	struct stat st;
	int found = 1;
	bool hidden;

	if (known.st)
		st = *known.st;
	else
		found = stat_file(&g, &st, err);
	hidden = found > 0 && S_ISSOCK(st.st_mode) && !t->shows_sockets;
	if (is_socket)
		*is_socket = hidden;
	if (found <= 0 || hidden)
		return found < 0 ? -1 : 0;
	take_stat(&entry, &st);
	g.ret = &entry;
	if ((entry.entry.type == ENTRY_SYMLINK &&
	     take_link(&g, &st, err) < 0) ||
	    (!known.plain && may_have_xattrs(t, &st, entry.entry.type) &&
	     take_xattrs(&g, t, err) < 0) ||
	    store(&g, err) < 0)
		return -1;
	take_note(&g);
	take_owner_note(&g);
	*ret = entry;
	return 1;
}

int tree_read_entry(const struct tree *t, struct dir_stack *dirs,
		    const char *path, struct tree_known known,
		    struct tree_entry *ret, bool *is_socket, struct error *err)
{
	int found = read_entry(t, dirs, path, known, ret, is_socket, err);

	if (found >= 0 || !known.st)
		return found;
	/* It may be another file by now, or gone. */
	error_clear(err);
	known = (struct tree_known){ 0 };
	return read_entry(t, dirs, path, known, ret, is_socket, err);
}

static int not_found(const char *path, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "'%s' does not exist", path);
}

/* A parent that is no directory means that there is no such file either. */
static int no_such_parent(const char *path, struct error *err)
{
	return err->sys == ENOTDIR || err->sys == ENOENT ? not_found(path, err)
							 : -1;
}

int tree_stat(struct tree *t, const char *path, struct tree_entry *ret,
	      struct error *err)
{
	int found = tree_read_entry(t, &t->dirs, path, (struct tree_known){ 0 },
				    ret, NULL, err);

	if (found == 0)
		return not_found(path, err);
	return found < 0 ? no_such_parent(path, err) : 0;
}

int tree_open_file(struct tree *t, const char *path, struct error *err)
{
	/* O_NONBLOCK: a FIFO must not stall us before we see what it is. */
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	const char *name;
	int dirfd = dir_stack_open_parent(&t->dirs, path, &name, err);
	autoclose int fd = -1;
	struct stat st;

	if (dirfd < 0)
		return no_such_parent(path, err);
	fd = openat(dirfd, name, flags);
	if (fd < 0 && errno == ENOENT)
		return not_found(path, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_REFUSED,
				 "'%s' is not a regular file", path);
	return steal_fd(&fd);
}
