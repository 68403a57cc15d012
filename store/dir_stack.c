#include "store/dir_stack.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/array.h"
#include "store/base/path.h"

void dir_stack_init(struct dir_stack *s, int root, bool lists, size_t n_open)
{
	*s = (struct dir_stack){
		.root = root,
		.lists = lists,
		.n_open = n_open,
	};
}

static void close_level(struct dir_stack_level *level)
{
	if (level->fd >= 0)
		close(level->fd);
	level->fd = -1;
}

/* Keep the first `depth` levels. */
static void shrink(struct dir_stack *s, size_t depth)
{
	while (s->depth > depth)
		close_level(&s->levels[--s->depth]);
	buf_truncate(&s->path, depth ? s->levels[depth - 1].end : 0);
}

void dir_stack_forget(struct dir_stack *s)
{
	shrink(s, 0);
}

void dir_stack_release(struct dir_stack *s)
{
	shrink(s, 0);
	free(s->levels);
	buf_release(&s->path);
}

/* How many levels are directories on the way to the wanted one? */
static size_t shared_depth(const struct dir_stack *s, const char *path,
			   size_t len)
{
	size_t depth;

	for (depth = s->depth; depth > 0; depth--) {
		size_t end = s->levels[depth - 1].end;

		if (end <= len && (end == len || path[end] == '/') &&
		    !memcmp(path, s->path.data, end))
			break;
	}
	return depth;
}

static int open_component(const struct dir_stack *s, int parent,
			  const char *path, size_t start, size_t end,
			  struct error *err)
{
	int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC |
		    (s->lists ? O_RDONLY : O_PATH);
	char name[256];
	int fd;

	if (end - start >= sizeof(name))
		return error_sys(err, ENAMETOOLONG, "cannot open '%.*s'",
				 (int)end, path);
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	fd = openat(parent, name, flags);
	if (fd >= 0)
		return fd;
	error_sys(err, errno == ELOOP ? ENOTDIR : errno, "cannot open '%.*s'",
		  (int)end, path);
	if (err->sys == ENOENT)
		err->kind = ERROR_NOT_FOUND;
	return -1;
}

/* Set the descriptor of level `i`; the one that falls out is closed. */
static void set_level(struct dir_stack *s, size_t i, int fd)
{
	close_level(&s->levels[i]);
	s->levels[i].fd = fd;
	if (i >= s->n_open)
		close_level(&s->levels[i - s->n_open]);
}

/* Remember `fd` (taken) as the next level. */
static int push(struct dir_stack *s, int fd, const char *path, size_t end,
		struct error *err)
{
	struct dir_stack_level *levels =
		array_room(s->levels, s->depth, &s->capacity, sizeof(*levels));

	if (!levels) {
		close(fd);
		return error_nomem(err, "opening a directory");
	}
	s->levels = levels;
	buf_append(&s->path, path + s->path.len, end - s->path.len);
	if (buf_check(&s->path, "opening a directory", err) < 0) {
		close(fd);
		return -1;
	}
	s->levels[s->depth] = (struct dir_stack_level){ -1, end };
	set_level(s, s->depth++, fd);
	return 0;
}

/* Open the levels again down to the deepest, which was closed. */
static int reopen(struct dir_stack *s, struct error *err)
{
	size_t i, start = 0;
	int parent = s->root;

	for (i = 0; i < s->depth; i++) {
		int fd = open_component(s, parent, s->path.data, start,
					s->levels[i].end, err);

		if (fd < 0)
			return -1;
		set_level(s, i, fd);
		parent = fd;
		start = s->levels[i].end + 1;
	}
	return parent;
}

static int deepest(struct dir_stack *s, struct error *err)
{
	if (s->depth == 0)
		return s->root;
	if (s->levels[s->depth - 1].fd >= 0)
		return s->levels[s->depth - 1].fd;
	return reopen(s, err);
}

int dir_stack_open(struct dir_stack *s, const char *path, size_t len,
		   struct error *err)
{
	size_t start;
	int dirfd;

	shrink(s, shared_depth(s, path, len));
	start = s->path.len ? s->path.len + 1 : 0;
	dirfd = deepest(s, err);
	while (dirfd >= 0 && start < len) {
		const char *slash = memchr(path + start, '/', len - start);
		size_t end = slash ? (size_t)(slash - path) : len;
		int fd = open_component(s, dirfd, path, start, end, err);

		if (fd < 0 || push(s, fd, path, end, err) < 0)
			return -1;
		dirfd = fd;
		start = end + 1;
	}
	return dirfd;
}

int dir_stack_open_parent(struct dir_stack *s, const char *path,
			  const char **name, struct error *err)
{
	size_t len;

	*name = path_base(path);
	len = (size_t)(*name - path);
	return dir_stack_open(s, path, len ? len - 1 : 0, err);
}
