#include "store/ordered.h"

#include <pthread.h>
#include <string.h>

/* More threads than this outrun the hashes, and each costs memory. */
#define THREADS_MAX 16

/* Bytes of blocks beyond one per thread, so that nobody waits for the caller.
 */
#define SPARE_SIZE  ((size_t)4 << 20)
#define SPARE_SLOTS 4 /* at most */

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_RUNNING, SLOT_DONE };

struct slot {
	enum slot_state state; /* under the lock */
	char *in;
	size_t in_len;
	char *out;
	size_t out_len;
};

/*
 * A ring of slots: the caller fills `fill`, threads take `take`, the caller
 * writes and frees `drain`. Counters only grow; the slot is counter % n_slots.
 */
struct ordered {
	struct sink base;
	struct sink *to;
	struct ordered_job job;
	struct slot slots[THREADS_MAX + SPARE_SLOTS];
	size_t n_slots;
	size_t fill, take, drain;
	void *inline_worker; /* without threads */
	pthread_t threads[THREADS_MAX];
	unsigned n_threads;
	bool submitted; /* at least one block */
	bool stop;
	bool failed; /* a thread could not get its memory */
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t done;
};

static struct slot *slot_at(struct ordered *o, size_t counter)
{
	return &o->slots[counter % o->n_slots];
}

static void run_slot(const struct ordered *o, void *worker, struct slot *slot)
{
	slot->out_len = o->job.run(worker, slot->in, slot->in_len, slot->out,
				   o->job.out_max);
}

/* The next waiting slot, or NULL when it is time to end. Lock held. */
static struct slot *take_slot(struct ordered *o)
{
	while (!o->stop && o->take == o->fill)
		pthread_cond_wait(&o->work, &o->lock);
	if (o->stop)
		return NULL;
	return slot_at(o, o->take++);
}

static void *work(void *arg)
{
	struct ordered *o = arg;
	void *worker = o->job.worker_new(o->job.level);
	struct slot *slot;

	pthread_mutex_lock(&o->lock);
	o->failed |= !worker;
	while ((slot = take_slot(o))) {
		slot->state = SLOT_RUNNING;
		pthread_mutex_unlock(&o->lock);
		if (worker)
			run_slot(o, worker, slot);
		else
			slot->out_len = 0;
		pthread_mutex_lock(&o->lock);
		slot->state = SLOT_DONE;
		pthread_cond_signal(&o->done);
	}
	pthread_mutex_unlock(&o->lock);
	o->job.worker_free(worker);
	return NULL;
}

/* Write the oldest block; waits for it. */
static int drain_one(struct ordered *o, struct error *err)
{
	struct slot *slot = slot_at(o, o->drain);

	pthread_mutex_lock(&o->lock);
	while (slot->state != SLOT_DONE)
		pthread_cond_wait(&o->done, &o->lock);
	slot->state = SLOT_FREE;
	pthread_mutex_unlock(&o->lock);
	o->drain++;
	if (slot->out_len == 0)
		return error_nomem(err, "compressing");
	slot->in_len = 0;
	return sink_write(o->to, slot->out, slot->out_len, err);
}

static bool oldest_is_done(struct ordered *o)
{
	bool done;

	pthread_mutex_lock(&o->lock);
	done = o->drain != o->fill && slot_at(o, o->drain)->state == SLOT_DONE;
	pthread_mutex_unlock(&o->lock);
	return done;
}

/* Hand the slot being filled to the threads, or do it here. */
static int submit(struct ordered *o, struct error *err)
{
	struct slot *slot = slot_at(o, o->fill);

	o->submitted = true;
	if (o->n_threads == 0) {
		run_slot(o, o->inline_worker, slot);
		slot->state = SLOT_DONE;
		o->fill++;
		return drain_one(o, err);
	}
	pthread_mutex_lock(&o->lock);
	slot->state = SLOT_WAITING;
	o->fill++;
	pthread_cond_signal(&o->work);
	pthread_mutex_unlock(&o->lock);
	while (oldest_is_done(o))
		if (drain_one(o, err) < 0)
			return -1;
	/* The slot to fill next must be free. */
	if (o->fill - o->drain == o->n_slots)
		return drain_one(o, err);
	return 0;
}

static int prepare_slot(struct ordered *o, struct slot *slot, struct error *err)
{
	if (!slot->in)
		slot->in = malloc(o->job.block_size);
	if (!slot->out)
		slot->out = malloc(o->job.out_max);
	return slot->in && slot->out ? 0 : error_nomem(err, "compressing");
}

static int ordered_write(struct sink *base, const void *data, size_t len,
			 struct error *err)
{
	struct ordered *o = (struct ordered *)base;
	const char *p = data;

	while (len > 0) {
		struct slot *slot = slot_at(o, o->fill);
		size_t n = o->job.block_size - slot->in_len;

		if (prepare_slot(o, slot, err) < 0)
			return -1;
		if (n > len)
			n = len;
		memcpy(slot->in + slot->in_len, p, n);
		slot->in_len += n;
		p += n;
		len -= n;
		if (slot->in_len == o->job.block_size && submit(o, err) < 0)
			return -1;
	}
	return 0;
}

static int ordered_finish(struct sink *base, struct error *err)
{
	struct ordered *o = (struct ordered *)base;
	struct slot *slot = slot_at(o, o->fill);

	if (slot->in_len > 0 || !o->submitted) {
		if (prepare_slot(o, slot, err) < 0 || submit(o, err) < 0)
			return -1;
	}
	while (o->drain != o->fill)
		if (drain_one(o, err) < 0)
			return -1;
	return 0;
}

static void ordered_free(struct sink *base)
{
	struct ordered *o = (struct ordered *)base;
	size_t i;

	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_broadcast(&o->work);
	pthread_mutex_unlock(&o->lock);
	for (i = 0; i < o->n_threads; i++)
		pthread_join(o->threads[i], NULL);
	for (i = 0; i < o->n_slots; i++) {
		free(o->slots[i].in);
		free(o->slots[i].out);
	}
	o->job.worker_free(o->inline_worker);
	pthread_cond_destroy(&o->work);
	pthread_cond_destroy(&o->done);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static size_t spare_slots(size_t block_size)
{
	size_t n = SPARE_SIZE / block_size;

	return n < 1 ? 1 : n > SPARE_SLOTS ? SPARE_SLOTS : n;
}

static size_t count_slots(size_t block_size, unsigned threads)
{
	return (threads < THREADS_MAX ? threads : THREADS_MAX) +
	       spare_slots(block_size);
}

size_t ordered_memory(size_t block_size, size_t out_max, unsigned threads)
{
	return count_slots(block_size, threads) * (block_size + out_max);
}

static void start_threads(struct ordered *o, unsigned threads)
{
	o->n_slots = count_slots(o->job.block_size, threads);
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	if (threads < 2)
		return;
	while (o->n_threads < threads &&
	       pthread_create(&o->threads[o->n_threads], NULL, work, o) == 0)
		o->n_threads++;
}

int sink_ordered(const struct ordered_job *job, unsigned threads,
		 struct sink *to, struct sink **ret, struct error *err)
{
	struct ordered *o = calloc(1, sizeof(*o));

	if (!o)
		return error_nomem(err, "compressing");
	o->base.write = ordered_write;
	o->base.finish = ordered_finish;
	o->base.free = ordered_free;
	o->to = to;
	o->job = *job;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->work, NULL);
	pthread_cond_init(&o->done, NULL);
	start_threads(o, threads);
	if (o->n_threads == 0)
		o->inline_worker = o->job.worker_new(o->job.level);
	if (o->n_threads == 0 && !o->inline_worker) {
		ordered_free(&o->base);
		return error_nomem(err, "compressing");
	}
	*ret = &o->base;
	return 0;
}
