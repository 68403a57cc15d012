/*
 * Writing an OCI image layout: as a directory or as a tar archive of one. An
 * archive holds the same bytes whenever its contents are the same.
 */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include <stdbool.h>

#include "store/batch.h"
#include "store/descriptor.h"

#define LAYOUT_VERSION_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

struct layout;

/*
 * Write to `fd` (borrowed; a pipe will do). Everything must be put in
 * canonical order: blobs by their digits, then files by name.
 */
int layout_to_archive(int fd, struct layout **ret, struct error *err);

/*
 * Write into the directory `dir`, made with its parents when absent. It is
 * locked against others who do the same. Files appear whole or not at all.
 */
int layout_to_dir(const char *dir, struct layout **ret, struct error *err);

void layout_free(struct layout *l);
DEFINE_CLEANUP(struct layout *, layout_free);

/* A blob of the batch or store, verified on its way. */
int layout_put_blob(struct layout *l, struct batch *b,
		    const struct digest *digest, int64_t size,
		    struct error *err);

/* The same from any stream (taken, also on failure). */
int layout_put_stream(struct layout *l, const struct digest *digest,
		      int64_t size, struct stream *raw, struct error *err);

/* Is a blob of that name and size there already? Never in an archive. */
bool layout_has_blob(const struct layout *l, const struct digest *digest,
		     int64_t size);

/* A file at the top; in a directory it replaces what is there. */
int layout_put_file(struct layout *l, const char *name, const char *data,
		    size_t len, struct error *err);

/* End the archive. */
int layout_finish(struct layout *l, struct error *err);

/* The directory to look into what is there already; -1 for an archive. */
int layout_dir_fd(const struct layout *l);

#endif
