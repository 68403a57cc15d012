#include "store/tree_private.h"

#include <string.h>

#include "store/base/path.h"

int tree_new(int root, const char *xattr_prefix, struct tree **ret,
	     struct error *err)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t) {
		close(root);
		return error_nomem(err, "opening a tree");
	}
	t->root = root;
	t->xattr_prefix = xattr_prefix;
	dir_stack_init(&t->dirs, root);
	*ret = t;
	return 0;
}

void tree_free(struct tree *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_times; i++)
		free(t->times[i].path);
	free(t->times);
	free(t->buffer);
	dir_stack_release(&t->dirs);
	close(t->root);
	free(t);
}

void tree_set_links(struct tree *t, enum tree_links links)
{
	t->links = links;
}

void tree_show_sockets(struct tree *t)
{
	t->shows_sockets = true;
}

void tree_set_plain(struct tree *t,
		    bool (*is_plain)(void *ctx, const struct stat *st),
		    void *ctx)
{
	t->is_plain = is_plain;
	t->is_plain_ctx = ctx;
}

int tree_fd(const struct tree *t)
{
	return t->root;
}

int tree_open_parent(struct tree *t, const char *path, const char **name,
		     struct error *err)
{
	size_t len;

	*name = path_base(path);
	len = (size_t)(*name - path);
	return dir_stack_open(&t->dirs, path, len ? len - 1 : 0, err);
}
