/*
 * Images into the store: OCI layouts and archives, docker archives. All of it
 * is foreign: names that lead out of the archive, blobs that are not what
 * their digest says and documents that do not fit together are refused.
 */
#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

#include "store/image.h"

/*
 * Read an archive (OCI or docker, compressed or not) or an OCI layout
 * directory. Every image found is saved in the batch and, unless `names` is
 * NULL, its references (as written in the archive) are appended to `names` as
 * "REFERENCE=sha256:ID" (an empty reference when unnamed). The caller
 * normalises and sets names.
 */
int import_archive(struct batch *b, int fd, const struct platform *want,
		   struct strv *names, struct error *err);
int import_layout(struct batch *b, const char *dir, const char *ref,
		  const struct platform *want, struct image **ret,
		  struct error *err);

#endif
