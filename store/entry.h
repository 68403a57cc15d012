/*
 * One file of an image as an image sees it: names, owners, modes and devices
 * as they belong in a layer, whatever the file system underneath can hold.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum entry_type {
	ENTRY_FILE,
	ENTRY_DIR,
	ENTRY_SYMLINK,
	ENTRY_HARDLINK, /* another name of an earlier file of the same layer */
	ENTRY_CHAR,
	ENTRY_BLOCK,
	ENTRY_FIFO,
	ENTRY_WHITEOUT, /* `path` names what vanishes from lower layers */
	ENTRY_OPAQUE,	/* only read: `path` hides all lower children */
};

struct xattr {
	char *name;
	void *value;
	size_t size;
};

struct entry {
	const char *path; /* relative, cleaned; "" for the root itself */
	enum entry_type type;
	mode_t mode; /* permission bits, 07777 */
	uint32_t uid;
	uint32_t gid;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t size; /* bytes of a file's contents */
	struct timespec mtime;
	const char *link; /* symlink target; hardlink: path of the first name */
	const struct xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
};

/*
 * Order of entries in a canonical layer: a directory before what it holds,
 * siblings by the bytes of their names. Compares paths component-wise.
 */
int entry_path_compare(const char *a, const char *b);

#endif
