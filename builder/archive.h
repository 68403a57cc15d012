/* Local archives as ADD sees them: told by their bytes, never by a name. */
#ifndef BUILDER_ARCHIVE_H
#define BUILDER_ARCHIVE_H

#include "store/stream.h"

/*
 * Is the file an archive that ADD unpacks: a tar, plain or compressed with
 * gzip, bzip2, xz or zstd, whose first header is valid? 1 and `*ret` (the
 * decompressed tar from its start), 0 when it is not, -1. The `size` bytes
 * from `offset` on count. Takes `fd` in any case.
 */
int archive_open(int fd, off_t offset, uint64_t size, struct stream **ret,
		 struct error *err);

/*
 * Is what flows an archive, judged by its first bytes: a tar, even an empty
 * one, or something compressed, which then must be one (ERROR_REFUSED)? 1 and
 * `*ret`, which has taken `*from`; 0 and `*from` still gives all of its bytes;
 * -1 and `*from` is gone.
 */
int archive_from_stream(struct stream **from, struct stream **ret,
			struct error *err);

#endif
