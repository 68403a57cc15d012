/* One file found in a context, stage or image, with storage of its own. */
#ifndef BUILDER_FILE_NODE_H
#define BUILDER_FILE_NODE_H

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/digest.h"
#include "store/tree.h"

struct file_node {
	struct entry meta; /* meta.path: from the root, links resolved */
	uint64_t inode;	   /* names of one file share (device, inode) */
	uint64_t device;
	uint32_t n_links;
	struct timespec ctime;
	size_t layer;	      /* of a view: the layer that provides it */
	struct digest digest; /* of a regular file's contents; once known */
};

/* A copy of `e` under the name `path`. */
int file_node_new(const struct tree_entry *e, const char *path,
		  struct file_node **ret, struct error *err);
void file_node_free(struct file_node *n);
DEFINE_CLEANUP(struct file_node *, file_node_free);

/* A growing list of nodes that it owns. */
struct file_nodes {
	struct file_node **items;
	size_t len;
	size_t capacity;
};

/* Takes `n`, also on failure. */
int file_nodes_take(struct file_nodes *list, struct file_node *n,
		    struct error *err);
void file_nodes_release(struct file_nodes *list);
DEFINE_RELEASE(struct file_nodes, file_nodes_release);

#endif
