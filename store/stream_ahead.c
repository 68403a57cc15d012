/* Streams filled by a thread of their own, some blocks ahead of the reader. */
#include <pthread.h>
#include <string.h>

#include "store/stream.h"

#define BLOCK  ((size_t)256 << 10)
#define BLOCKS 4

struct block {
	size_t len; /* 0: the end */
	char data[BLOCK];
};

struct ahead {
	struct stream base;
	struct stream *inner; /* read from; or NULL: */
	int (*produce)(void *ctx, struct sink *to, struct error *err);
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t filled; /* blocks so far, by the thread */
	size_t used;   /* blocks done with, by the reader */
	size_t at;     /* in the reader's block */
	bool stop;     /* nobody reads any more */
	bool failed;
	struct error err; /* why */
	struct block blocks[BLOCKS];
};

static struct block *block_at(struct ahead *a, size_t counter)
{
	return &a->blocks[counter % BLOCKS];
}

/* A block to fill, or NULL when it is time to stop. */
static struct block *wait_for_room(struct ahead *a)
{
	struct block *b;

	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->filled - a->used == BLOCKS)
		pthread_cond_wait(&a->changed, &a->lock);
	b = a->stop ? NULL : block_at(a, a->filled);
	pthread_mutex_unlock(&a->lock);
	return b;
}

static void publish(struct ahead *a, struct block *b, ssize_t n,
		    const struct error *err)
{
	pthread_mutex_lock(&a->lock);
	b->len = n > 0 ? (size_t)n : 0;
	if (n < 0) {
		a->failed = true;
		a->err = *err;
	}
	a->filled++;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* What came before a failure is still handed out: the reader decides. */
static void *read_ahead(void *arg)
{
	struct ahead *a = arg;
	struct error err = ERROR_INIT;
	struct block *b;
	ssize_t n = 1;

	while (n > 0 && (b = wait_for_room(a))) {
		n = stream_read(a->inner, b->data, BLOCK, &err);
		publish(a, b, n, &err);
	}
	return NULL;
}

/* What a producer writes, gathered in blocks. */
struct gather {
	struct sink base;
	struct ahead *a;
	struct block *block; /* being filled; NULL: none yet */
	size_t len;
};

static int gather_write(struct sink *base, const void *data, size_t len,
			struct error *err)
{
	struct gather *g = (struct gather *)base;
	const char *p = data;

	while (len > 0) {
		size_t n;

		if (!g->block && !(g->block = wait_for_room(g->a)))
			return error_set(err, ERROR_CANCELED,
					 "nobody reads any more");
		n = len < BLOCK - g->len ? len : BLOCK - g->len;
		memcpy(g->block->data + g->len, p, n);
		g->len += n;
		p += n;
		len -= n;
		if (g->len < BLOCK)
			continue;
		publish(g->a, g->block, BLOCK, NULL);
		g->block = NULL;
		g->len = 0;
	}
	return 0;
}

/* The stream ends when all was written well, and fails otherwise. */
static void *produce(void *arg)
{
	struct ahead *a = arg;
	struct gather g = { .base = { .write = gather_write }, .a = a };
	struct error err = ERROR_INIT;
	int status = a->produce(a->ctx, &g.base, &err);

	if (status == 0 && g.block && g.len > 0) {
		publish(a, g.block, (ssize_t)g.len, NULL);
		g.block = NULL;
	}
	if (!g.block)
		g.block = wait_for_room(a);
	if (g.block)
		publish(a, g.block, status, &err);
	return NULL;
}

/* The block to read from, once it is there. */
static struct block *wait_for_block(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->filled == a->used)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return block_at(a, a->used);
}

static void give_back(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	a->used++;
	a->at = 0;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static ssize_t ahead_read(struct stream *base, void *data, size_t len,
			  struct error *err)
{
	struct ahead *a = (struct ahead *)base;
	const struct block *b = wait_for_block(a);

	/* The last block is kept: the end stays the end. */
	if (b->len == 0) {
		if (!a->failed)
			return 0;
		*err = a->err;
		return -1;
	}
	if (len > b->len - a->at)
		len = b->len - a->at;
	memcpy(data, b->data + a->at, len);
	a->at += len;
	if (a->at == b->len)
		give_back(a);
	return (ssize_t)len;
}

static void release(struct ahead *a)
{
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void ahead_free(struct stream *base)
{
	struct ahead *a = (struct ahead *)base;

	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	stream_free(a->inner);
	release(a);
}

static struct ahead *new_ahead(void)
{
	struct ahead *a = malloc(sizeof(*a));

	if (!a)
		return NULL;
	memset(a, 0, offsetof(struct ahead, blocks));
	a->base.read = ahead_read;
	a->base.free = ahead_free;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	return a;
}

int stream_ahead(struct stream *inner, struct stream **ret, struct error *err)
{
	struct ahead *a = new_ahead();

	if (!a) {
		stream_free(inner);
		return error_nomem(err, "reading ahead");
	}
	a->inner = inner;
	if (pthread_create(&a->thread, NULL, read_ahead, a) != 0) {
		release(a);
		*ret = inner;
		return 0;
	}
	*ret = &a->base;
	return 0;
}

int stream_produce(int (*fn)(void *ctx, struct sink *to, struct error *err),
		   void *ctx, struct stream **ret, struct error *err)
{
	struct ahead *a = new_ahead();
	int sys;

	if (!a)
		return error_nomem(err, "starting a stream");
	a->produce = fn;
	a->ctx = ctx;
	sys = pthread_create(&a->thread, NULL, produce, a);
	if (sys) {
		release(a);
		return error_sys(err, sys, "cannot start a thread");
	}
	*ret = &a->base;
	return 0;
}
