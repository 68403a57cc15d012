/*
 * Directories below a root by their path, without following links. The chain
 * to the last one stays open, so that a walk opens each directory once.
 */
#ifndef STORE_DIR_STACK_H
#define STORE_DIR_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/buf.h"

/*
 * So many of the deepest directories stay open. Those above are opened again
 * when the walk returns to them: descriptors are scarce, and trees may be as
 * deep as somebody hostile made them.
 */
#define DIR_STACK_OPEN 16

struct dir_stack_level {
	int fd;	    /* -1: closed again */
	size_t end; /* of its path inside `path` */
};

struct dir_stack {
	int root; /* borrowed */
	bool lists;
	size_t n_open; /* so many levels stay open */
	struct dir_stack_level *levels;
	size_t depth;
	size_t capacity;
	struct buf path; /* of the deepest level */
};

/*
 * With `lists` all directories but the root can be listed by what is opened;
 * `n_open` is DIR_STACK_OPEN or less.
 */
void dir_stack_init(struct dir_stack *s, int root, bool lists, size_t n_open);
void dir_stack_release(struct dir_stack *s);
DEFINE_RELEASE(struct dir_stack, dir_stack_release);

/*
 * The directory named by the first `len` bytes of `path` (relative, cleaned;
 * nothing: the root) as a descriptor, valid until the next call; O_PATH unless
 * for listing.
 * ERROR_NOT_FOUND when a component is missing; otherwise err->sys is ENOTDIR
 * for a link or another file in its place.
 */
int dir_stack_open(struct dir_stack *s, const char *path, size_t len,
		   struct error *err);

/* The directory that holds `path`; `*name` becomes the name in it. */
int dir_stack_open_parent(struct dir_stack *s, const char *path,
			  const char **name, struct error *err);

/* Close everything: directories were removed or replaced. */
void dir_stack_forget(struct dir_stack *s);

#endif
