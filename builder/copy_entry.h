/* Entries of a copy's destination; private to copy_dest.c, copy_layer.c. */
#ifndef BUILDER_COPY_ENTRY_H
#define BUILDER_COPY_ENTRY_H

#include "builder/copy_dest.h"
#include "store/base/map.h"
#include "store/base/strv.h"

/* What the root below says about a directory. */
struct lower_dir {
	struct tree_entry meta; /* the entry's meta may borrow from it */
	unsigned n_looked_up;	/* paths in it, before the names were read */
	bool names_known;
	struct strv names; /* sorted */
};

/* There is one for each file of a big copy: no field without need. */
struct dest_entry {
	struct entry meta;
	struct copy_bytes bytes;
	char *path;
	struct lower_dir *below; /* NULL until something is known */
	bool in_lower;		 /* a directory that the root below has */
	bool opaque;		 /* hides the directory below it */
	bool dropped;		 /* replaced; counts no more */
};

struct copy_dest {
	struct view *lower;  /* NULL: empty */
	struct map *by_path; /* to dest_entry, borrowed */
	struct dest_entry **entries;
	size_t len;
	size_t capacity;
	struct map *removed; /* paths of lower directories that went */
	bool changed;	     /* something was placed */
};

/* Enter `meta` at `path` as it is: no parents, no policy, no conflicts. */
int dest_add_bare(struct copy_dest *d, const char *path,
		  const struct entry *meta, struct error *err);

/*
 * Names of the lower directory that `e` is or hides, sorted and borrowed;
 * NULL on failure.
 */
const struct strv *dest_entry_names(struct copy_dest *d, struct dest_entry *e,
				    struct error *err);

#endif
