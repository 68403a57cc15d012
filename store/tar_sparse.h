/* Finding the holes of a file. Private to the tar modules. */
#ifndef STORE_TAR_SPARSE_H
#define STORE_TAR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

/* Bytes to be written: a window of a file, or memory when `fd` is -1. */
struct tar_source {
	int fd;
	off_t offset;
	const char *data;
	uint64_t size;
};

/*
 * Read exactly `len` bytes at `pos` of the source. A file that is shorter is
 * ERROR_INTEGRITY.
 */
int tar_source_read(const struct tar_source *s, uint64_t pos, void *data,
		    size_t len, struct error *err);

struct tar_region {
	uint64_t offset;
	uint64_t len;
};

struct tar_holes {
	struct tar_region *items; /* ascending */
	size_t n;
	size_t capacity;
	uint64_t min; /* shortest one that counts, in bytes */
};

void tar_holes_release(struct tar_holes *h);
DEFINE_RELEASE(struct tar_holes, tar_holes_release);

/*
 * The holes that a canonical tar leaves out: runs of zeros that begin on a
 * 4 KiB boundary, end on one or at the end, and are 64 KiB long or more.
 *
 * What counts is what a reader sees, not how the file system stores it: a
 * copy whose holes were filled, or that lies where holes cannot be told,
 * must give the same tar. Still only stored data is read, and of that one
 * block in sixteen.
 *
 * A file with very many holes loses the shortest: their list is bounded, as
 * it is in readers.
 */
int tar_find_holes(const struct tar_source *s, struct tar_holes *ret,
		   struct error *err);

#endif
