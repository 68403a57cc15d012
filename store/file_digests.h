/*
 * Remembered digests of the files of one build context, so that a warm build
 * only stats them. An entry counts while (device, inode, size, mtime, ctime)
 * are unchanged; entries changed within the timestamp granularity of the scan
 * are not trusted.
 */
#ifndef STORE_FILE_DIGESTS_H
#define STORE_FILE_DIGESTS_H

#include <sys/stat.h>

#include "store/batch.h"
#include "store/digest.h"

struct file_digests;

/*
 * Those of the context `identity` (its absolute path, or another stable
 * name). A missing or damaged file yields an empty set.
 */
int file_digests_open(struct store *s, const char *identity,
		      struct file_digests **ret, struct error *err);
void file_digests_free(struct file_digests *f);
DEFINE_CLEANUP(struct file_digests *, file_digests_free);

/*
 * true and `*ret` when the digest of the file is known for this `st`, under
 * whatever name. `*plain`: it had none of the extended attributes that an image
 * keeps; setting one would have moved its ctime.
 */
bool file_digests_get(struct file_digests *f, const struct stat *st,
		      struct digest *ret, bool *plain);

/* Remember; thread-safe, as is the getter. */
int file_digests_put(struct file_digests *f, const struct stat *st,
		     const struct digest *digest, bool plain,
		     struct error *err);

/* Is the file `path` of the store whole? ERROR_INTEGRITY when it is not. */
int file_digests_verify(struct store *s, const char *path, struct error *err);

/* Write them back with the batch if anything changed, and forget them then. */
int file_digests_save(struct file_digests *f, struct batch *b,
		      struct error *err);

#endif
