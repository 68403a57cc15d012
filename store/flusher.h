/*
 * Writing back along the way. Whoever publishes has to wait until all that was
 * written has reached the disk; a flusher has the disk begin with it while
 * more is being made: it flushes whenever some 64 MiB have come together on
 * the file system, whoever wrote them.
 *
 * Nothing depends on it: it reports no errors, and one that cannot work is
 * none.
 */
#ifndef STORE_FLUSHER_H
#define STORE_FLUSHER_H

#include <pthread.h>
#include <stdbool.h>

struct flusher {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t ended;
	bool ends;
	bool runs;
	int fd;
	pthread_t thread;
};

/* An idle one. */
void flusher_init(struct flusher *f);

/*
 * Watch the file system of the directory `dirfd` (not kept) from now on. Only
 * the first call has an effect.
 */
void flusher_start(struct flusher *f, int dirfd);

/* Stop watching; waits for a flush that is under way. */
void flusher_release(struct flusher *f);

#endif
