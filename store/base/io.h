/*
 * Whole reads and writes on descriptors. EINTR and short transfers are
 * handled here and nowhere else.
 */
#ifndef STORE_BASE_IO_H
#define STORE_BASE_IO_H

#include <dirent.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/buf.h"
#include "store/base/error.h"

/*
 * Up to `len` bytes, fewer only at end of file. Returns the count or -1;
 * `what` names the file in the message.
 */
ssize_t io_read(int fd, void *data, size_t len, const char *what,
		struct error *err);

/* The same at `offset`, leaving the file position alone. */
ssize_t io_pread(int fd, void *data, size_t len, off_t offset, const char *what,
		 struct error *err);

/* All of `len` bytes. */
int io_write(int fd, const void *data, size_t len, const char *what,
	     struct error *err);

/*
 * Append everything up to end of file to `buf`. More than `max` bytes is
 * ERROR_REFUSED.
 */
int io_read_all(int fd, size_t max, const char *what, struct buf *buf,
		struct error *err);

/* ERROR_REFUSED for what is no regular file. */
int io_check_regular(int fd, const char *what, struct error *err);

/*
 * Append the file `path` below `dirfd` (AT_FDCWD allowed) to `buf`; only a
 * regular file, so that a FIFO or device cannot stall us. The path is the
 * user's own and is followed as it is. A missing file is ERROR_NOT_FOUND.
 */
int io_read_file(int dirfd, const char *path, size_t max, struct buf *buf,
		 struct error *err);

/*
 * Replace `path` below `dirfd` atomically: write beside it, fsync when
 * `durable`, rename. `mode` is final.
 */
int io_replace_file(int dirfd, const char *path, const void *data, size_t len,
		    mode_t mode, bool durable, struct error *err);

/*
 * Copy `len` bytes (UINT64_MAX: to end of file) from `src` to `dst` at their
 * file positions, by reflink or copy_file_range where possible. A source
 * shorter than a given `len` is ERROR_INTEGRITY.
 */
int io_copy(int src, int dst, uint64_t len, const char *what,
	    struct error *err);

/*
 * Open a directory in order to list it; a link is not followed. NULL with
 * errno set.
 */
DIR *io_open_dir(int dirfd, const char *path);

/*
 * The next entry but "." and "..": its name, which lives until the next call,
 * goes to `*name`. Returns 1, 0 at the end, or -1; `what` names the directory
 * in the message.
 */
int io_next_entry(DIR *dir, const char *what, const char **name,
		  struct error *err);

/* Remove `name` below `dirfd` with all it holds; absent is success. */
int io_remove_tree(int dirfd, const char *name, struct error *err);

/* mkdir -p of a path of our own (never one inside an image). */
int io_make_dirs(const char *path, mode_t mode, struct error *err);

#endif
