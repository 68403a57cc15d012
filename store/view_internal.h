/* What the view modules share. Callers hold the view's lock. */
#ifndef STORE_VIEW_INTERNAL_H
#define STORE_VIEW_INTERNAL_H

#include <pthread.h>

#include "store/base/map.h"
#include "store/view.h"
#include "store/view_layer.h"

struct view {
	pthread_mutex_t lock;
	struct view_layer **layers; /* bottom first */
	size_t n;
	struct map *dirs; /* path -> struct merged */
};

/* Node of a path whose parents are resolved: 1, 0 when absent, -1. */
int view_get_node(struct view *v, const char *path, struct view_node *ret,
		  struct error *err);

/* Was `path` (resolved) found to be a directory before? Asks no layer. */
bool view_knows_dir(const struct view *v, const char *path);

/* "dir/name"; the root is "". The caller frees; NULL: no memory. */
char *view_join(const char *dir, const char *name);

#endif
