/* Streams filled by a thread of their own, some blocks ahead of the reader. */
#include <pthread.h>
#include <string.h>

#include "store/block_pipe.h"
#include "store/stream.h"

struct ahead {
	struct stream base;
	struct stream *inner; /* read from; or NULL: */
	int (*produce)(void *ctx, struct sink *to, struct error *err);
	void *ctx;
	pthread_t thread;
	struct block_pipe *pipe;
	size_t at; /* in the reader's block */
};

/* What came before a failure is still handed out: the reader decides. */
static void *read_ahead(void *arg)
{
	struct ahead *a = arg;
	struct error err = ERROR_INIT;
	struct block *b;
	ssize_t n = 1;

	while (n > 0 && (b = block_pipe_room(a->pipe))) {
		n = stream_read(a->inner, b->data, BLOCK_SIZE, &err);
		block_pipe_put(a->pipe, b, n, &err);
	}
	return NULL;
}

/* What a producer writes to. */
struct gather {
	struct sink base;
	struct block_pipe *pipe;
};

static int gather_write(struct sink *base, const void *data, size_t len,
			struct error *err)
{
	const struct gather *g = (const struct gather *)base;

	if (block_pipe_write(g->pipe, data, len) < 0)
		return error_set(err, ERROR_CANCELED, "nobody reads any more");
	return 0;
}

/* The stream ends when all was written well, and fails otherwise. */
static void *produce(void *arg)
{
	struct ahead *a = arg;
	struct gather g = { .base = { .write = gather_write },
			    .pipe = a->pipe };
	struct error err = ERROR_INIT;
	int status = a->produce(a->ctx, &g.base, &err);

	block_pipe_end(a->pipe, status < 0 ? &err : NULL);
	return NULL;
}

static ssize_t ahead_read(struct stream *base, void *data, size_t len,
			  struct error *err)
{
	struct ahead *a = (struct ahead *)base;
	const struct block *b = block_pipe_next(a->pipe);

	if (b->len == 0) {
		if (!b->failed)
			return 0;
		*err = b->err;
		return -1;
	}
	if (len > b->len - a->at)
		len = b->len - a->at;
	memcpy(data, b->data + a->at, len);
	a->at += len;
	if (a->at == b->len) {
		a->at = 0;
		block_pipe_used(a->pipe);
	}
	return (ssize_t)len;
}

static void release(struct ahead *a)
{
	block_pipe_free(a->pipe);
	free(a);
}

static void ahead_free(struct stream *base)
{
	struct ahead *a = (struct ahead *)base;

	block_pipe_stop(a->pipe);
	pthread_join(a->thread, NULL);
	stream_free(a->inner);
	release(a);
}

static struct ahead *new_ahead(void)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->base.read = ahead_read;
	a->base.free = ahead_free;
	a->pipe = block_pipe_new();
	if (a->pipe)
		return a;
	free(a);
	return NULL;
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
