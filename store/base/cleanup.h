/*
 * Release on scope exit. Owned variables start empty (NULL, -1), are declared
 * at first use and leave through steal_*(). Cleanups keep errno.
 */
#ifndef STORE_BASE_CLEANUP_H
#define STORE_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

/* close() is never retried: after EINTR the descriptor is gone already. */
static inline void cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_dir(DIR **dir)
{
	int saved = errno;

	if (*dir)
		closedir(*dir);
	errno = saved;
}

static inline void cleanup_file(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

#define autofree __attribute__((cleanup(cleanup_free)))
#define autoclose __attribute__((unused, cleanup(cleanup_close)))
#define autodir __attribute__((cleanup(cleanup_dir)))
#define autofile __attribute__((cleanup(cleanup_file)))

/*
 * Define `auto_NAME` users: DEFINE_CLEANUP(struct foo *, foo_free) makes
 * cleanup_foo_free(), used as AUTO(foo_free) struct foo *f = NULL;
 */
#define DEFINE_CLEANUP(type, release)                     \
	__attribute__((unused))                           \
	static inline void cleanup_##release(type *value) \
	{                                                 \
		int saved_errno = errno;                  \
		release(*value);                          \
		errno = saved_errno;                      \
	}                                                 \
	struct cleanup_##release##_semicolon

/* The same for storage that is released through a pointer to it. */
#define DEFINE_RELEASE(type, release)                       \
	__attribute__((unused))                             \
	static inline void cleanup_##release(type *storage) \
	{                                                   \
		int saved_errno = errno;                    \
		release(storage);                           \
		errno = saved_errno;                        \
	}                                                   \
	struct cleanup_##release##_semicolon

/* "unused": some are there for nothing but their release. */
#define AUTO(release) __attribute__((unused, cleanup(cleanup_##release)))

static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void *steal_voidp(void *pp)
{
	void *taken = *(void **)pp;

	*(void **)pp = NULL;
	return taken;
}

#define steal_pointer(pp) ((__typeof__(*(pp)))steal_voidp(pp))

#endif
