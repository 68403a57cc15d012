/*
 * Headers of canonical tars: ustar blocks (POSIX.1-1988) and PAX records
 * (POSIX.1-2001) for what they cannot hold. Private to the tar modules.
 */
#ifndef STORE_TAR_HEADER_H
#define STORE_TAR_HEADER_H

#include <stdint.h>

#include "store/base/buf.h"

#define TAR_BLOCK ((size_t)512)

/* Most bytes of PAX records per entry; Go and libarchive take no more. */
#define TAR_PAX_MAX ((size_t)1 << 20)

/* Records of sparse files and extended attributes. */
#define TAR_PAX_SPARSE "GNU.sparse."
#define TAR_PAX_XATTR  "SCHILY.xattr."

struct tar_header {
	char type;	  /* ustar's typeflag */
	const char *name; /* as in the archive; directories end with '/' */
	const char *link;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t size; /* of the contents in the archive, in bytes */
	int64_t mtime; /* seconds */
};

/* Bytes to the next block boundary. */
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size & (TAR_BLOCK - 1));
}

/* Append one PAX record, "LEN KEY=VALUE\n". */
void tar_pax_append(struct buf *records, const char *key, const void *value,
		    size_t len);

/*
 * Append the block (or with PAX records the blocks) of `h` to `out`. `records`
 * go with it, along with those for whatever does not fit ustar's fields. When
 * `name_in_records` they carry the name. More than TAR_PAX_MAX bytes of
 * records is ERROR_REFUSED.
 */
int tar_header_append(struct buf *out, const struct tar_header *h,
		      const struct buf *records, bool name_in_records,
		      struct error *err);

/* A block read back; name and link are NUL-terminated copies. */
struct tar_block {
	char type;
	char name[257]; /* prefix and name */
	char link[101];
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t size;
	int64_t mtime;
};

/*
 * Read a block that tar_header_append() wrote: 1, or 0 when it is all zeros
 * (the end), or -1 with ERROR_INTEGRITY.
 */
int tar_block_parse(const char block[static TAR_BLOCK], struct tar_block *ret,
		    struct error *err);

/* Set the time of a block and its checksum anew. */
void tar_block_set_mtime(char block[static TAR_BLOCK], uint64_t mtime);

/* Set the size likewise. */
void tar_block_set_size(char block[static TAR_BLOCK], uint64_t size);

/* One PAX record; pointers into the block of records. */
struct tar_pax {
	const char *key;
	size_t key_len;
	const char *value;
	size_t value_len;
	size_t len; /* of the whole record */
};

/* The record at `data`: 0, or -1 with ERROR_INTEGRITY. */
int tar_pax_parse(const char *data, size_t len, struct tar_pax *ret,
		  struct error *err);

bool tar_pax_is(const struct tar_pax *pax, const char *key);

/* A value that is a decimal number, perhaps negative. */
int tar_pax_number(const struct tar_pax *pax, int64_t *ret, struct error *err);

#endif
