/* One entry of a tar by anyone, as libarchive tells it, in our terms. */
#ifndef STORE_TAR_ENTRY_H
#define STORE_TAR_ENTRY_H

#include <archive_entry.h>
#include <stdbool.h>

#include "store/base/error.h"
#include "store/entry.h"

struct tar_entry {
	struct entry entry; /* points to what follows */
	char *path;
	char *link;
	struct xattr *xattrs;
};

/*
 * Replace `t` by what `e` holds: 1, 0 when it is to be left out, or -1. Names
 * and values of its attributes stay the library's. For `layer`, see tar.h.
 */
int tar_entry_take(struct tar_entry *t, struct archive_entry *e, bool layer,
		   struct error *err);

void tar_entry_clear(struct tar_entry *t);

#endif
