/*
 * What an archive holds. Private to import_*.c.
 *
 * An archive may come through a pipe and hold its parts in any order, so it is
 * read once from front to back: every file in it becomes a file of the batch's
 * folder, found later by its name or by its digest. What turns out to be part
 * of an image is adopted as a blob; the rest goes with the folder.
 */
#ifndef STORE_IMPORT_MEMBERS_H
#define STORE_IMPORT_MEMBERS_H

#include "store/base/map.h"
#include "store/import_source.h"

/* A file or a link of the archive. */
struct member {
	char *name; /* in the batch's folder; NULL for a link */
	char *link; /* path in the archive that it leads to */
	struct digest digest;
	uint64_t size_bytes;
};

struct members {
	struct import_source source; /* first; adopts them */
	struct map *by_path;	     /* owns the members */
	struct map *by_digest;
};

/*
 * Read an archive, compressed or not, from `fd` to its end. Two members of
 * one name are ERROR_REFUSED.
 */
int members_read(struct batch *b, int fd, struct members *ret,
		 struct error *err);
void members_release(struct members *a);
DEFINE_RELEASE(struct members, members_release);

/* The file at `path`, links followed; NULL when there is none. */
const struct member *members_find(const struct members *a, const char *path);

#endif
