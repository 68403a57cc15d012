/* Where entries go in a tree, and its directories. Private to it. */
#ifndef STORE_TREE_PLACE_H
#define STORE_TREE_PLACE_H

#include <sys/stat.h>

#include "store/tree_private.h"

/* The place an entry goes to. */
struct place {
	struct tree *t;
	const struct entry *e;
	const char *path; /* with all links in parents resolved */
	const char *name; /* its last component */
	int dirfd;	  /* of its parent; gone after dir_stack_open() */
};

/*
 * Find the place of `path` in p->t: where its parent is an ordinary directory,
 * there; else links are resolved and missing directories made. `*resolved`
 * owns the path in that case; the caller frees it.
 */
int tree_find_place(struct place *p, const char *path, char **resolved,
		    struct error *err);

/* The first `len` bytes of `path` with links resolved inside the tree. */
char *tree_resolve(struct tree *t, const char *path, size_t len,
		   struct error *err);

/* Make those of the directories on the way to `path` that are missing. */
int tree_make_dirs(struct tree *t, char *path, struct error *err);

/* What is at the place already? 1, 0 for nothing, -1. */
int tree_look(const struct place *p, struct stat *st, struct error *err);

/* Remove what is at the place. Directories may be held open, so reopen. */
int tree_make_free(struct place *p, struct error *err);

/* Have the directory at the place hide all lower ones. */
int tree_mark_opaque(const struct place *p, struct error *err);

/* Put a directory; `contents` is not looked at. */
int tree_put_dir(struct place *p, struct stream *contents, struct error *err);

/* A failed attempt to create what belongs to the place. */
int tree_put_error(const struct place *p, struct error *err);

#endif
