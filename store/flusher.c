#include "store/flusher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* So much is worth a flush; less than that is soon written. */
#define WORTHWHILE_BYTES (UINT64_C(64) << 20)

/* Time for a disk to write a part of it. */
#define LOOK_EVERY_MS 50

/* Blocks are counted when a file is written, not when they reach the disk. */
static bool used_bytes(int fd, uint64_t *ret)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0)
		return false;
	*ret = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
	return true;
}

/* False: it is time to end. */
static bool wait_a_moment(struct flusher *f)
{
	struct timespec until;
	bool ends;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_EVERY_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&f->lock);
	while (!f->ends &&
	       pthread_cond_timedwait(&f->ended, &f->lock, &until) != ETIMEDOUT)
		;
	ends = f->ends;
	pthread_mutex_unlock(&f->lock);
	return !ends;
}

static void *watch(void *arg)
{
	struct flusher *f = arg;
	uint64_t flushed, used;

	if (!used_bytes(f->fd, &flushed))
		return NULL;
	while (wait_a_moment(f) && used_bytes(f->fd, &used)) {
		if (used < flushed)
			flushed = used;
		if (used - flushed < WORTHWHILE_BYTES)
			continue;
		if (syncfs(f->fd) < 0)
			break;
		flushed = used;
	}
	return NULL;
}

void flusher_init(struct flusher *f)
{
	pthread_condattr_t attr;

	*f = (struct flusher){ .fd = -1 };
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->ended, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&f->lock, NULL);
}

/*
 * The directory is opened anew: the kernel tells an error of writing once to
 * each open file, and whoever publishes has to hear of it.
 */
void flusher_start(struct flusher *f, int dirfd)
{
	pthread_mutex_lock(&f->lock);
	if (f->fd < 0) {
		f->fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		f->runs = f->fd >= 0 &&
			  pthread_create(&f->thread, NULL, watch, f) == 0;
	}
	pthread_mutex_unlock(&f->lock);
}

void flusher_release(struct flusher *f)
{
	pthread_mutex_lock(&f->lock);
	f->ends = true;
	pthread_cond_signal(&f->ended);
	pthread_mutex_unlock(&f->lock);
	if (f->runs)
		pthread_join(f->thread, NULL);
	if (f->fd >= 0)
		close(f->fd);
	pthread_cond_destroy(&f->ended);
	pthread_mutex_destroy(&f->lock);
}
