#include "store/dir_stack.h"

#include <fcntl.h>
#include <string.h>

void dir_stack_init(struct dir_stack *s, int root)
{
	*s = (struct dir_stack){ .root = root, .deep = -1 };
}

static void close_deep(struct dir_stack *s)
{
	if (s->deep >= 0)
		close(s->deep);
	s->deep = -1;
}

/* Keep the first `depth` levels. */
static void shrink(struct dir_stack *s, size_t depth)
{
	close_deep(s);
	while (s->depth > depth)
		close(s->levels[--s->depth].fd);
	buf_truncate(&s->path, depth ? s->levels[depth - 1].end : 0);
}

void dir_stack_forget(struct dir_stack *s)
{
	shrink(s, 0);
}

void dir_stack_release(struct dir_stack *s)
{
	shrink(s, 0);
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

static int open_component(int parent, const char *path, size_t start,
			  size_t end, struct error *err)
{
	int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
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

/* Remember the directory as the next level, or as the one deep one. */
static int push(struct dir_stack *s, int fd, const char *path, size_t end,
		struct error *err)
{
	if (s->depth == DIR_STACK_DEPTH) {
		close_deep(s);
		s->deep = fd;
		return 0;
	}
	buf_append(&s->path, path + s->path.len, end - s->path.len);
	if (buf_check(&s->path, "opening a directory", err) < 0) {
		close(fd);
		return -1;
	}
	s->levels[s->depth].fd = fd;
	s->levels[s->depth].end = end;
	s->depth++;
	return 0;
}

static int deepest(const struct dir_stack *s)
{
	if (s->deep >= 0)
		return s->deep;
	return s->depth ? s->levels[s->depth - 1].fd : s->root;
}

int dir_stack_open(struct dir_stack *s, const char *path, size_t len,
		   struct error *err)
{
	size_t start;

	shrink(s, shared_depth(s, path, len));
	start = s->path.len ? s->path.len + 1 : 0;
	while (start < len) {
		const char *slash = memchr(path + start, '/', len - start);
		size_t end = slash ? (size_t)(slash - path) : len;
		int fd = open_component(deepest(s), path, start, end, err);

		if (fd < 0 || push(s, fd, path, end, err) < 0)
			return -1;
		start = end + 1;
	}
	return deepest(s);
}
