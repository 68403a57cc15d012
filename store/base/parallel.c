#include "store/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "store/base/cleanup.h"

struct work {
	size_t n;
	int (*job)(void *ctx, size_t i, struct error *err);
	void *ctx;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* guards `error` */
	struct error error;   /* of the first job that failed */
};

unsigned parallel_cpus(void)
{
	cpu_set_t set;
	int count;

	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		count = CPU_COUNT(&set);
		return count > 0 ? (unsigned)count : 1;
	}
	/* More processors than a cpu_set_t holds: the mask is too small. */
	count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	return count > 0 ? (unsigned)count : 1;
}

static void *work_on(void *arg)
{
	struct work *w = arg;
	struct error err = ERROR_INIT;

	while (!atomic_load(&w->failed)) {
		size_t i = atomic_fetch_add(&w->next, 1);

		if (i >= w->n)
			break;
		if (w->job(w->ctx, i, &err) == 0)
			continue;
		pthread_mutex_lock(&w->lock);
		if (!atomic_exchange(&w->failed, true))
			w->error = err;
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

int parallel_for(size_t n, unsigned threads,
		 int (*job)(void *ctx, size_t i, struct error *err), void *ctx,
		 struct error *err)
{
	struct work w = { .n = n, .job = job, .ctx = ctx };
	size_t wanted = n < threads ? n : threads, started = 0, i;
	autofree pthread_t *helpers = NULL;

	atomic_init(&w.next, 0);
	atomic_init(&w.failed, false);
	pthread_mutex_init(&w.lock, NULL);
	if (wanted > 1)
		helpers = calloc(wanted - 1, sizeof(*helpers));
	while (helpers && started < wanted - 1 &&
	       pthread_create(&helpers[started], NULL, work_on, &w) == 0)
		started++;
	work_on(&w);
	for (i = 0; i < started; i++)
		pthread_join(helpers[i], NULL);
	pthread_mutex_destroy(&w.lock);
	if (!atomic_load(&w.failed))
		return 0;
	*err = w.error;
	return -1;
}
