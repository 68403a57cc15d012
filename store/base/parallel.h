/* Run independent jobs on several threads. */
#ifndef STORE_BASE_PARALLEL_H
#define STORE_BASE_PARALLEL_H

#include <stddef.h>

#include "store/base/error.h"

/* Processors this process may use, at least 1 (affinity, not machine size). */
unsigned parallel_cpus(void);

/*
 * Call job(ctx, i, err) for i in 0..n-1 on up to `threads` threads (the
 * caller's is one of them). After the first failure no new job starts; that
 * failure is returned. Threads that cannot be started are done without.
 */
int parallel_for(size_t n, unsigned threads,
		 int (*job)(void *ctx, size_t i, struct error *err), void *ctx,
		 struct error *err);

#endif
