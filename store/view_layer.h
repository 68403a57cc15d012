/*
 * One layer as a view sees it: a tree, or a tar read by its index. Private to
 * the view modules; callers hold the view's lock.
 */
#ifndef STORE_VIEW_LAYER_H
#define STORE_VIEW_LAYER_H

#include "store/base/strv.h"
#include "store/layer.h"
#include "store/tree.h"

struct view_layer;

/* The root as it is where no entry tells about it. */
static inline struct tree_entry view_layer_root(void)
{
	return (struct tree_entry){
		.entry = { .path = "", .type = ENTRY_DIR, .mode = 0755 },
	};
}

/* Opened on first use: nothing is fetched or extracted here. */
int view_layer_new(struct layer *l, struct view_layer **ret, struct error *err);
void view_layer_free(struct view_layer *vl);

/*
 * Metadata of `path`, whose parents are known to be directories of this
 * layer: 1, or 0 when the layer says nothing about it, or -1. Whiteouts are
 * ENTRY_WHITEOUT.
 */
int view_layer_stat(struct view_layer *vl, const char *path,
		    struct tree_entry *ret, struct error *err);

/* Append the names in directory `path`, whiteouts' among them. */
int view_layer_list(struct view_layer *vl, const char *path, struct strv *ret,
		    struct error *err);

/* Contents of a regular file; they start at `*offset`. */
int view_layer_open(struct view_layer *vl, const char *path, off_t *offset,
		    struct error *err);

#endif
