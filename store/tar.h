/*
 * Layers as tar streams: a canonical writer of our own, and a reader for
 * foreign ones on libarchive. OCI image spec, "layer.md".
 */
#ifndef STORE_TAR_H
#define STORE_TAR_H

#include <stdbool.h>

#include "store/entry.h"
#include "store/stream.h"

struct tar_writer;

/*
 * Write to `to` (borrowed). With `clamp`, later mtimes become `*clamp`
 * (seconds). Entries must come in canonical order (entry_path_compare);
 * ERROR_REFUSED for one that does not, and for names that start with ".wh.".
 */
int tar_writer_new(struct sink *to, const int64_t *clamp,
		   struct tar_writer **ret, struct error *err);
void tar_writer_free(struct tar_writer *w);
DEFINE_CLEANUP(struct tar_writer *, tar_writer_free);

/*
 * The contents of a file as regions of data; everything between is a hole.
 * Files with holes of 64 KiB or more are written in PAX GNU.sparse 1.0 form.
 */
struct tar_region {
	uint64_t offset;
	uint64_t len;
};

/*
 * Write one entry. For a file, `fd` gives its contents from `fd_offset` on
 * (holes found by SEEK_DATA when `fd_offset` is 0 and the file is its own); a
 * file that turns out shorter or longer than e->size is ERROR_INTEGRITY.
 */
int tar_writer_entry(struct tar_writer *w, const struct entry *e, int fd,
		     off_t fd_offset, struct error *err);

/* The same with the contents from a stream of exactly e->size bytes. */
int tar_writer_entry_stream(struct tar_writer *w, const struct entry *e,
			    struct stream *contents, struct error *err);

/* The two zero blocks. */
int tar_writer_finish(struct tar_writer *w, struct error *err);

/*
 * Reader. Names are cleaned: "./" and "/" in front dropped; one that leaves
 * the root by ".." is ERROR_REFUSED. Whiteout names become ENTRY_WHITEOUT and
 * ENTRY_OPAQUE when `layer`, else they are plain files. Other ".wh..wh." names
 * and stargz bookkeeping are skipped when `layer`. PAX global headers are
 * skipped. Sizes of headers and names are bounded.
 */
struct tar_reader;

/* Takes `from`, which must be decompressed. */
int tar_reader_new(struct stream *from, bool layer, struct tar_reader **ret,
		   struct error *err);
void tar_reader_free(struct tar_reader *r);
DEFINE_CLEANUP(struct tar_reader *, tar_reader_free);

/*
 * The next entry: 1, 0 at the end, -1. `*ret` is valid until the next call,
 * `*contents` (owned by the reader) yields the file's bytes, holes as zeros.
 */
int tar_reader_next(struct tar_reader *r, const struct entry **ret,
		    struct stream **contents, struct error *err);

/* Read what follows the end marker, so that a hash sees every byte. */
int tar_reader_drain(struct tar_reader *r, struct error *err);

#endif
