/*
 * Layers as tar streams: a canonical writer of our own, and a reader for
 * foreign ones on libarchive. OCI image spec, "layer.md".
 */
#ifndef STORE_TAR_H
#define STORE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "store/entry.h"
#include "store/stream.h"

struct tar_writer;

/*
 * Write to `to` (borrowed). With `clamp`, later mtimes become `*clamp`
 * (seconds). Entries must come in canonical order (entry_path_compare);
 * ERROR_REFUSED for one that does not, and for names that start with ".wh.".
 * The root itself has no entry. Of the extended attributes those that belong
 * in a layer are written (xattr_rules.h).
 */
int tar_writer_new(struct sink *to, const int64_t *clamp,
		   struct tar_writer **ret, struct error *err);
void tar_writer_free(struct tar_writer *w);
DEFINE_CLEANUP(struct tar_writer *, tar_writer_free);

/*
 * Write one entry. For a file, `fd` gives its contents from `fd_offset` on (its
 * file position may move); a file that is shorter than e->size, or longer when
 * `fd_offset` is 0, is ERROR_INTEGRITY. Files with holes, which are runs of
 * 64 KiB of zeros or more whether stored or not, are written in PAX GNU.sparse
 * 1.0 form: size and time follow the data. `fd` is -1 for everything else.
 */
int tar_writer_entry(struct tar_writer *w, const struct entry *e, int fd,
		     off_t fd_offset, struct error *err);

/* The same with the contents, e->size bytes, in memory. */
int tar_writer_entry_data(struct tar_writer *w, const struct entry *e,
			  const void *data, struct error *err);

/* The two zero blocks. */
int tar_writer_finish(struct tar_writer *w, struct error *err);

/*
 * Reader of tars by anyone: ustar, PAX, GNU and old forms, all kinds of sparse
 * files. Names are cleaned: "./" and "/" in front dropped; one that leaves the
 * root by ".." is ERROR_REFUSED, as are hard links with contents, owners beyond
 * 32 bits and headers of more than 3 MiB. Damage is ERROR_INTEGRITY. Entries
 * for the root itself are left out.
 *
 * With `layer`, whiteout names become ENTRY_WHITEOUT and ENTRY_OPAQUE, other
 * ".wh..wh." names and stargz bookkeeping are left out; else all of these are
 * plain files.
 */
struct tar_reader;

/* Takes `from` (also on failure), which must be decompressed. */
int tar_reader_new(struct stream *from, bool layer, struct tar_reader **ret,
		   struct error *err);

/*
 * An archive that is no layer, compressed or not, from the file or pipe `fd`
 * (borrowed).
 */
int tar_reader_open(int fd, struct tar_reader **ret, struct error *err);

void tar_reader_free(struct tar_reader *r);
DEFINE_CLEANUP(struct tar_reader *, tar_reader_free);

/*
 * The next entry: 1, 0 at the end, -1. `*ret` is valid until the next call,
 * `*contents` (owned by the reader) yields the file's bytes; it knows the holes
 * of sparse files (stream_skip_hole), to others they are zeros.
 */
int tar_reader_next(struct tar_reader *r, const struct entry **ret,
		    struct stream **contents, struct error *err);

/* Read what follows the end marker, so that a hash sees every byte. */
int tar_reader_drain(struct tar_reader *r, struct error *err);

#endif
