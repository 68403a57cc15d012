/* Blobs under blobs/sha256/, named by the digest of their bytes. */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/batch.h"
#include "store/digest.h"
#include "store/stream.h"

/*
 * Open a blob for reading: published, or (when `b` is not NULL) added to the
 * batch. `*size_bytes` may be NULL. ERROR_NOT_FOUND when there is none.
 */
int blob_open(struct store *s, struct batch *b, const struct digest *digest,
	      uint64_t *size_bytes, struct error *err);

bool blob_exists(struct store *s, struct batch *b, const struct digest *digest);

/* Append a blob of at most `max` bytes to `ret`, its digest verified. */
int blob_read(struct store *s, struct batch *b, const struct digest *digest,
	      size_t max, struct buf *ret, struct error *err);

/* Add a small blob that is in memory. `digest` may be NULL. */
int blob_put(struct batch *b, const void *data, size_t len,
	     struct digest *digest, struct error *err);

/*
 * Add the file `name` of the batch's folder as a blob; `digest` was computed
 * by whoever wrote it.
 */
int blob_adopt(struct batch *b, const char *name, const struct digest *digest,
	       struct error *err);

/*
 * Add a blob by writing it: readers see nothing until commit succeeds;
 * freeing before that leaves no trace.
 */
struct blob_writer;

int blob_writer_new(struct batch *b, struct blob_writer **ret,
		    struct error *err);
void blob_writer_free(struct blob_writer *w);
DEFINE_CLEANUP(struct blob_writer *, blob_writer_free);

/* Write to it as a sink; owned by the writer. */
struct sink *blob_writer_sink(struct blob_writer *w);

/*
 * Check and add to the batch. `expected` and `expected_size` (or NULL and -1)
 * are what was announced; a mismatch is ERROR_INTEGRITY.
 */
int blob_writer_commit(struct blob_writer *w, const struct digest *expected,
		       int64_t expected_size, struct digest *digest,
		       uint64_t *size_bytes, struct error *err);

#endif
