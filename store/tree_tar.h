/* Trees to tars and back. */
#ifndef STORE_TREE_TAR_H
#define STORE_TREE_TAR_H

#include "store/tar.h"
#include "store/tree.h"

/*
 * Write every entry below the root, files that share their storage as hard
 * links to the first. Does not finish the writer. A tree with opaque
 * directories is ERROR_REFUSED: what they hide must be spelled out first.
 */
int tree_to_tar(struct tree *t, struct tar_writer *w, struct error *err);

/* Put every entry into the tree and finish it; reads the tar to its end. */
int tree_from_tar(struct tree *t, struct tar_reader *r, struct error *err);

#endif
