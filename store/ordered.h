/*
 * Blocks transformed on several threads, results written in their order: the
 * bytes that come out do not depend on the number of threads.
 */
#ifndef STORE_ORDERED_H
#define STORE_ORDERED_H

#include "store/stream.h"

struct ordered_job {
	size_t block_size; /* of every block but the last, in bytes */
	size_t out_max;	   /* most that one block can become */
	int level;	   /* passed to worker_new */

	/* What one thread needs for itself; NULL: no memory. */
	void *(*worker_new)(int level);
	void (*worker_free)(void *worker);

	/* Transform one block; returns the size of the result, 0: failed. */
	size_t (*run)(void *worker, const void *in, size_t len, void *out,
		      size_t out_max);
};

/*
 * A sink that cuts what is written into blocks, transforms them on `threads`
 * threads and writes the results to `to` (borrowed, written only from the
 * caller's thread, not finished). Nothing written is one empty block. Keeps
 * a few blocks per thread in memory.
 */
int sink_ordered(const struct ordered_job *job, unsigned threads,
		 struct sink *to, struct sink **ret, struct error *err);

/* Bytes that its blocks take at most. */
size_t ordered_memory(size_t block_size, size_t out_max, unsigned threads);

#endif
