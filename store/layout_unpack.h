/* An archive of an OCI layout made into a directory, to be read in any order.
 */
#ifndef STORE_LAYOUT_UNPACK_H
#define STORE_LAYOUT_UNPACK_H

#include "store/base/error.h"

/*
 * Write the layout's own files (blobs, index.json, oci-layout) from the archive
 * `fd`, a pipe will do, compressed or not, below the empty directory `dir`.
 * Other members are passed over, two of one name are ERROR_REFUSED. Nothing is
 * verified yet.
 */
int layout_unpack(int fd, int dir, struct error *err);

#endif
