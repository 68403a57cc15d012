/*
 * The merged root of a chain of layers, read without mounting anything.
 * Layers in tar form are read from their tar; others as trees (fetched and
 * extracted on first use). Whiteouts and opaque directories are honoured;
 * links are followed inside the root.
 */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include <stdbool.h>

#include "store/base/buf.h"
#include "store/base/strv.h"
#include "store/layer.h"
#include "store/tree.h"

struct view;

/* `layers` bottom first; references are taken. */
int view_new(struct layer *const *layers, size_t n, struct view **ret,
	     struct error *err);
void view_free(struct view *v);
DEFINE_CLEANUP(struct view *, view_free);

/* Everything known about one path of the merged root. */
struct view_node {
	struct tree_entry meta; /* entry.path is the resolved path */
	size_t layer;		/* the layer that provides it */
};

void view_node_release(struct view_node *n);
DEFINE_RELEASE(struct view_node, view_node_release);

/*
 * Look `path` up (absolute or relative to the root). Links in parents are
 * followed, the last component too when `follow`. Returns 1 when found, 0
 * when absent, -1 on error (a link loop, a parent that is no directory).
 * When absent and `resolved` is not NULL, `*resolved` is the cleaned path
 * with all links of existing parents resolved; the caller frees it. It is set
 * when found, too.
 */
int view_lookup(struct view *v, const char *path, bool follow,
		struct view_node *ret, char **resolved, struct error *err);

/* Names in a directory (resolved path), sorted by bytes. */
int view_list(struct view *v, const char *path, struct strv *ret,
	      struct error *err);

/*
 * Contents of a regular file that view_lookup() found: a descriptor and the
 * offset where its node->meta.entry.size bytes start.
 */
int view_open_file(struct view *v, const struct view_node *node, off_t *offset,
		   struct error *err);

/*
 * Append at most `max` bytes of a regular file (links followed in the root);
 * ERROR_NOT_FOUND when absent, ERROR_REFUSED when larger or no regular file.
 * For /etc/passwd and the like.
 */
int view_read_file(struct view *v, const char *path, size_t max,
		   struct buf *ret, struct error *err);

/*
 * Visit what lies at and below `path` (resolved) in canonical order. The
 * callback's results are as for tree_walk().
 */
int view_walk(struct view *v, const char *path,
	      int (*visit)(void *ctx, struct view *v,
			   const struct view_node *node, struct error *err),
	      void *ctx, struct error *err);

#endif
