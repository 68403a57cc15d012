/*
 * Directories read before a walk gets to them, on a thread beside the walk:
 * their names, and what stat() says of each. For walks whose visits change
 * nothing. What the thread cannot read the walk reads itself, and reports.
 */
#ifndef STORE_TREE_AHEAD_H
#define STORE_TREE_AHEAD_H

#include "store/tree_private.h"

struct tree_ahead;

struct tree_listing {
	struct tree_names names;
	struct stat *stats; /* of each name; NULL: not asked */
};

void tree_listing_release(struct tree_listing *l);
DEFINE_RELEASE(struct tree_listing, tree_listing_release);

/* What stat() said of the name `i`; NULL: nothing, it is to be asked. */
const struct stat *tree_listing_stat(const struct tree_listing *l, size_t i);

/*
 * For a walk of `t` (borrowed, with tree_read_ahead() set). NULL when there is
 * no memory for it.
 */
struct tree_ahead *tree_ahead_new(const struct tree *t);

/* Ends the thread; NULL is fine. */
void tree_ahead_free(struct tree_ahead *a);

/*
 * Is the directory `path`, which the walk has come to, known to have no
 * extended attributes?
 */
bool tree_ahead_plain(struct tree_ahead *a, const char *path);

/*
 * What the directory `path` holds, which the walk is to go into now (`*ret` is
 * empty before); `dirs` are the walk's. Calls come in the order of the walk;
 * what it left out is forgotten. Returns 0 or -1.
 */
int tree_ahead_take(struct tree_ahead *a, struct dir_stack *dirs,
		    const char *path, struct tree_listing *ret,
		    struct error *err);

#endif
