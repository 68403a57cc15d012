/* Owners, modes, attributes and times onto files of a tree. Private to it. */
#ifndef STORE_TREE_ATTRS_H
#define STORE_TREE_ATTRS_H

#include "store/base/error.h"
#include "store/entry.h"

struct tree_file;

/* All of them, by the open file f->fd; but no time of a directory. */
int tree_set_fd_attrs(const struct tree_file *f, const struct entry *e,
		      struct error *err);

/* All of them by name, for what cannot be opened: links, devices, FIFOs. */
int tree_set_name_attrs(const struct tree_file *f, const struct entry *e,
			struct error *err);

/* Remove attributes of an image that `e` does not have. */
int tree_drop_xattrs(const struct tree_file *f, const struct entry *e,
		     struct error *err);

#endif
