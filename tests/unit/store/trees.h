/* Trees and their tars, for the store's tests. */
#ifndef TESTS_UNIT_STORE_TREES_H
#define TESTS_UNIT_STORE_TREES_H

#include "store/tree_tar.h"
#include "tests/unit/store/bytes.h"

/* A fresh tree in the new directory `name` below `dirfd`. */
struct tree *tree_in(int dirfd, const char *name);

/* The canonical tar of a tree, finished. */
void tar_of_tree(struct tree *t, struct buf *tar);

/* Extract; 0 or -1 with `err`. */
int extract_tar(struct tree *t, const struct buf *tar, struct error *err);

/* One line per entry, "f 644 0:0 path = contents"; the caller frees. */
char *describe_tree(struct tree *t);

/* Put one entry of mode 0644 (directories 0755), failing the test. */
void put_entry(struct tree *t, enum entry_type type, const char *path,
	       const char *data);

/* Letters for the types of entries, by their number. */
extern const char entry_letters[];

#endif
