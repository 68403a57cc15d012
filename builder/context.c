#include "builder/context.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "store/base/strv.h"

struct context {
	int fd;
	char *path;
	char *ignore_name;
	struct strv patterns;
	int *lines;	       /* of each pattern */
	struct ignore *ignore; /* NULL: nothing is hidden */
	struct file_digests *digests;
};

static int read_ignore_file(struct context *c, const char *name,
			    const struct buf *text, struct error *err)
{
	c->ignore_name = strdup(name);
	if (!c->ignore_name)
		return error_nomem(err, "the ignore file's name");
	if (ignorefile_read(text->data ? text->data : "", text->len,
			    &c->patterns, &c->lines, err) < 0 ||
	    strv_check(&c->patterns, "ignore patterns", err) < 0)
		return error_wrap(err, "%s", name);
	if (c->patterns.len == 0)
		return 0;
	if (ignore_new(&c->patterns, &c->ignore, err) < 0)
		return error_wrap(err, "%s", name);
	return 0;
}

static int open_directory(struct context *c, const char *path,
			  struct error *err)
{
	c->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0)
		return error_sys(err, errno,
				 "cannot open the build context '%s'", path);

	/* The same directory by another name has the same files. */
	c->path = realpath(path, NULL);
	if (!c->path)
		return error_sys(err, errno,
				 "cannot resolve the build context '%s'", path);
	return 0;
}

int context_open(struct store *store, const char *path, const char *ignore_name,
		 const struct buf *ignore_file, struct context **ret,
		 struct error *err)
{
	AUTO(context_free) struct context *c = calloc(1, sizeof(*c));

	if (!c)
		return error_nomem(err, "a build context");
	c->fd = -1;
	if (open_directory(c, path, err) < 0)
		return -1;
	if (ignore_file &&
	    read_ignore_file(c, ignore_name ? ignore_name : ".dockerignore",
			     ignore_file, err) < 0)
		return -1;
	if (file_digests_open(store, c->path, &c->digests, err) < 0)
		return -1;
	*ret = steal_pointer(&c);
	return 0;
}

void context_free(struct context *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	free(c->path);
	free(c->ignore_name);
	strv_release(&c->patterns);
	free(c->lines);
	ignore_free(c->ignore);
	file_digests_free(c->digests);
	free(c);
}

int context_fd(const struct context *c)
{
	return c->fd;
}

bool context_ignores(const struct context *c, const char *path, int *line,
		     const char **name)
{
	ptrdiff_t index = -1;

	/* The context itself cannot be hidden, only what it holds. */
	if (!c->ignore || !*path || !ignore_match(c->ignore, path, &index))
		return false;
	if (line)
		*line = index >= 0 && c->lines ? c->lines[index] : 0;
	if (name)
		*name = c->ignore_name;
	return true;
}

bool context_may_hold(const struct context *c, const char *path)
{
	return !c->ignore || ignore_may_include_below(c->ignore, path);
}

bool context_filters(const struct context *c)
{
	return c->ignore != NULL;
}

const struct strv *context_patterns(const struct context *c)
{
	return &c->patterns;
}

struct file_digests *context_digests(struct context *c)
{
	return c->digests;
}
