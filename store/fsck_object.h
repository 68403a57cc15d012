/* Checks of single objects of a store. Private to fsck.c. */
#ifndef STORE_FSCK_OBJECT_H
#define STORE_FSCK_OBJECT_H

#include "store/batch.h"

/*
 * Check what is at `path`, relative to the store's root. -1 with
 * ERROR_INTEGRITY, ERROR_NOT_FOUND or ERROR_REFUSED says that it is of no use;
 * other errors, that it could not be checked.
 */
typedef int fsck_check(struct batch *b, const char *path, struct error *err);

fsck_check fsck_blob;
fsck_check fsck_snapshot;
fsck_check fsck_form; /* a file in a layer's folder */
fsck_check fsck_step;
fsck_check fsck_file_digests;
fsck_check fsck_name;
fsck_check fsck_list;

#endif
