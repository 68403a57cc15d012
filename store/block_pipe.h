/*
 * A megabyte of room between two threads, in blocks: one fills them, the other
 * uses them in the same order.
 */
#ifndef STORE_BLOCK_PIPE_H
#define STORE_BLOCK_PIPE_H

#include <stddef.h>
#include <sys/types.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

#define BLOCK_SIZE ((size_t)256 << 10)

struct block {
	size_t len; /* 0: nothing comes after this one, */
	bool failed;
	struct error err; /* because of this, if it failed */
	char data[BLOCK_SIZE];
};

struct block_pipe;

/* NULL: no memory. */
struct block_pipe *block_pipe_new(void);

/* Both threads are done with it. Accepts NULL. */
void block_pipe_free(struct block_pipe *p);

/* Who fills: a block to fill, or NULL once nobody uses them any more. */
struct block *block_pipe_room(struct block_pipe *p);

/*
 * Pass it on with `n` bytes; 0 ends everything, and so does -1, with `err`
 * (copied).
 */
void block_pipe_put(struct block_pipe *p, struct block *b, ssize_t n,
		    const struct error *err);

/*
 * Who fills, instead of these two: `len` bytes, gathered in blocks. -1: nobody
 * uses them any more.
 */
int block_pipe_write(struct block_pipe *p, const void *data, size_t len);

/* What was gathered, then the end; after a failure with `err` (or NULL). */
void block_pipe_end(struct block_pipe *p, const struct error *err);

/* Who uses: the next block, waited for. */
struct block *block_pipe_next(struct block_pipe *p);

/* Give it back; not the last one, which stays what block_pipe_next() tells. */
void block_pipe_used(struct block_pipe *p);

/* No block is used any more. */
void block_pipe_stop(struct block_pipe *p);

#endif
