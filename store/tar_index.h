/*
 * What a canonical tar of ours holds and where: its headers read once, so
 * that a layer in tar form can be looked into without extracting it.
 */
#ifndef STORE_TAR_INDEX_H
#define STORE_TAR_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/entry.h"

struct tar_index_entry {
	struct entry entry;
	off_t offset;	  /* of a file's contents in the tar */
	bool sparse;	  /* the contents are not in one piece */
	uint32_t n_links; /* names the file has in this layer */
};

struct tar_index;

/*
 * Read the headers of the tar `fd` (borrowed). ERROR_INTEGRITY for anything
 * that tar_writer would not have written.
 */
int tar_index_read(int fd, struct tar_index **ret, struct error *err);
void tar_index_free(struct tar_index *x);
DEFINE_CLEANUP(struct tar_index *, tar_index_free);

/* Entries in canonical order; borrowed. */
const struct tar_index_entry *tar_index_entries(const struct tar_index *x,
						size_t *n);

/*
 * The entry of `path`, or NULL. Another name of a file is ENTRY_HARDLINK, its
 * `link` the path whose entry tells everything else.
 */
const struct tar_index_entry *tar_index_find(const struct tar_index *x,
					     const char *path);

/*
 * Position of the first entry at or after `path`: what lies below a
 * directory follows it.
 */
size_t tar_index_lower_bound(const struct tar_index *x, const char *path);

#endif
