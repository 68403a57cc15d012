#include "store/block_pipe.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 4

struct block_pipe {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t filled; /* blocks so far */
	size_t used;
	bool stopped;
	struct block *gathering; /* by block_pipe_write(); NULL: none yet */
	size_t gathered;	 /* bytes in it */
	struct block blocks[BLOCKS];
};

struct block_pipe *block_pipe_new(void)
{
	struct block_pipe *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	/* The blocks' pages are touched as they are needed. */
	memset(p, 0, offsetof(struct block_pipe, blocks));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	return p;
}

void block_pipe_free(struct block_pipe *p)
{
	if (!p)
		return;
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct block *block_pipe_room(struct block_pipe *p)
{
	struct block *b;

	pthread_mutex_lock(&p->lock);
	while (!p->stopped && p->filled - p->used == BLOCKS)
		pthread_cond_wait(&p->changed, &p->lock);
	b = p->stopped ? NULL : &p->blocks[p->filled % BLOCKS];
	pthread_mutex_unlock(&p->lock);
	return b;
}

void block_pipe_put(struct block_pipe *p, struct block *b, ssize_t n,
		    const struct error *err)
{
	pthread_mutex_lock(&p->lock);
	b->len = n > 0 ? (size_t)n : 0;
	b->failed = n < 0;
	if (n < 0)
		b->err = *err;
	p->filled++;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void pass_on(struct block_pipe *p)
{
	block_pipe_put(p, p->gathering, (ssize_t)p->gathered, NULL);
	p->gathering = NULL;
	p->gathered = 0;
}

int block_pipe_write(struct block_pipe *p, const void *data, size_t len)
{
	const char *from = data;

	while (len > 0) {
		size_t n = BLOCK_SIZE - p->gathered;

		if (!p->gathering && !(p->gathering = block_pipe_room(p)))
			return -1;
		if (n > len)
			n = len;
		memcpy(p->gathering->data + p->gathered, from, n);
		p->gathered += n;
		from += n;
		len -= n;
		if (p->gathered == BLOCK_SIZE)
			pass_on(p);
	}
	return 0;
}

void block_pipe_end(struct block_pipe *p, const struct error *err)
{
	struct block *b;

	if (p->gathered)
		pass_on(p);
	b = block_pipe_room(p);
	if (b)
		block_pipe_put(p, b, err ? -1 : 0, err);
}

struct block *block_pipe_next(struct block_pipe *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->filled == p->used)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return &p->blocks[p->used % BLOCKS];
}

void block_pipe_used(struct block_pipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->used++;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

void block_pipe_stop(struct block_pipe *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopped = true;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}
