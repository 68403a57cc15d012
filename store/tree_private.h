/* What the parts of the tree module share. Nobody else includes this. */
#ifndef STORE_TREE_PRIVATE_H
#define STORE_TREE_PRIVATE_H

#include "store/dir_stack.h"
#include "store/tree.h"

/* Contents move in pieces of this size. */
#define TREE_BUFFER ((size_t)256 << 10)

/*
 * Note on a placeholder, a regular empty file, for a device that could not be
 * made: type and numbers, "c 1:3". It travels with the file wherever overlay
 * copies it.
 */
#define TREE_NOTE_NODE "user.shale.node"

/*
 * Note on a file or directory of ours whose owner could not be set, because no
 * other id is mapped: that owner, "uid:gid".
 */
#define TREE_NOTE_OWNER "user.shale.owner"

struct tree_dir_time {
	char *path;
	struct timespec mtime;
};

struct tree {
	int root;
	const char *xattr_prefix;
	enum tree_links links;
	bool shows_sockets;
	bool (*is_plain)(void *ctx, const struct stat *st);
	void *is_plain_ctx;
	bool (*enters)(void *ctx, const char *path);
	void *enters_ctx;
	struct dir_stack dirs;
	char *buffer; /* TREE_BUFFER bytes once something was put */
	/* Times to be set by tree_finish(), the last of a path counts. */
	struct tree_dir_time *times;
	size_t n_times;
	size_t times_capacity;
};

/*
 * Sorted names of the directory `path`, by a stack for listing. Returns its
 * descriptor there.
 */
int tree_list_in(struct dir_stack *dirs, const char *path,
		 struct tree_names *ret, struct error *err);

/* What was found out about a file before. */
struct tree_known {
	const struct stat *st; /* NULL: nothing */
	bool plain;	       /* has no extended attributes */
};

/*
 * Read the file `path` (relative, cleaned; "" is the root) as an entry: 1, 0
 * when there is none or it is a socket (told in `*is_socket`, which may be
 * NULL), or -1. What is not in `known` is read by `dirs`.
 */
int tree_read_entry(const struct tree *t, struct dir_stack *dirs,
		    const char *path, struct tree_known known,
		    struct tree_entry *ret, bool *is_socket, struct error *err);

/*
 * Extended attributes of `name` in `dirfd`, the link itself if it is one;
 * `fd` is the open file or -1. There are no *at() calls for these before
 * Linux 6.13: there, without `fd`, the path goes through /proc/self/fd.
 */
struct tree_file {
	int dirfd;
	const char *name; /* "": the directory itself */
	int fd;
};

/*
 * The names, each NUL-terminated, as one block that the caller frees; `*len`
 * is 0 when there are none or the file system has none.
 */
int tree_xattr_list(const struct tree_file *f, char **names, size_t *len,
		    struct error *err);

/* Append one value to `ret`; 1, or 0 when it is gone. */
int tree_xattr_get(const struct tree_file *f, const char *name, struct buf *ret,
		   struct error *err);

/* Set one; errno's value is in err->sys. */
int tree_xattr_set(const struct tree_file *f, const char *name,
		   const void *value, size_t size, struct error *err);

int tree_xattr_remove(const struct tree_file *f, const char *name,
		      struct error *err);

#endif
