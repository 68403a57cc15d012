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
	dir_stack_init(&t->dirs, root, false, DIR_STACK_OPEN);
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

void tree_read_ahead(struct tree *t,
		     bool (*enters)(void *ctx, const char *path), void *ctx)
{
	t->enters = enters;
	t->enters_ctx = ctx;
}

int tree_fd(const struct tree *t)
{
	return t->root;
}
