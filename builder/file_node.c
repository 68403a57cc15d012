#include "builder/file_node.h"

#include <string.h>

#include "store/base/array.h"

/* Names and values of all attributes in one block behind the array. */
static struct xattr *copy_xattrs(const struct entry *e)
{
	size_t size = e->n_xattrs * sizeof(struct xattr);
	struct xattr *copy;
	char *at;

	for (size_t i = 0; i < e->n_xattrs; i++)
		size += strlen(e->xattrs[i].name) + 1 + e->xattrs[i].size;
	copy = malloc(size);
	if (!copy)
		return NULL;
	at = (char *)(copy + e->n_xattrs);
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct xattr *from = &e->xattrs[i];
		size_t name_size = strlen(from->name) + 1;

		copy[i].name = memcpy(at, from->name, name_size);
		at += name_size;
		copy[i].value = at;
		copy[i].size = from->size;
		if (from->size)
			memcpy(at, from->value, from->size);
		at += from->size;
	}
	return copy;
}

int file_node_new(const struct tree_entry *e, const char *path,
		  struct file_node **ret, struct error *err)
{
	size_t path_size = strlen(path) + 1;
	size_t link_size = e->entry.link ? strlen(e->entry.link) + 1 : 0;
	struct file_node *n = calloc(1, sizeof(*n) + path_size + link_size);
	char *storage;

	if (!n)
		return error_nomem(err, "a list of files");
	storage = (char *)(n + 1);
	n->meta = e->entry;
	n->meta.path = memcpy(storage, path, path_size);
	n->meta.link = NULL;
	if (link_size)
		n->meta.link =
			memcpy(storage + path_size, e->entry.link, link_size);
	n->meta.xattrs = NULL;
	n->inode = e->inode;
	n->device = e->device;
	n->ctime = e->ctime;
	n->n_links = e->n_links;
	if (e->entry.n_xattrs) {
		n->meta.xattrs = copy_xattrs(&e->entry);
		if (!n->meta.xattrs) {
			file_node_free(n);
			return error_nomem(err, "extended attributes");
		}
	}
	*ret = n;
	return 0;
}

void file_node_free(struct file_node *n)
{
	if (!n)
		return;
	free((void *)n->meta.xattrs);
	free(n);
}

int file_nodes_take(struct file_nodes *list, struct file_node *n,
		    struct error *err)
{
	struct file_node **items = array_room(list->items, list->len,
					      &list->capacity, sizeof(*items));

	if (!items) {
		file_node_free(n);
		return error_nomem(err, "a list of files");
	}
	list->items = items;
	list->items[list->len++] = n;
	return 0;
}

void file_nodes_release(struct file_nodes *list)
{
	for (size_t i = 0; i < list->len; i++)
		file_node_free(list->items[i]);
	free(list->items);
	*list = (struct file_nodes){ 0 };
}
