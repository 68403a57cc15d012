/* The sink that hashes, long contents on a thread of its own. */
#include <pthread.h>

#include "store/base/parallel.h"
#include "store/block_pipe.h"
#include "store/stream.h"

/* Less than this is hashed sooner than a thread starts. */
#define SHORT_BYTES ((uint64_t)1 << 20)

struct hash_sink {
	struct sink base;
	/* Both are the thread's, while there is one. */
	struct hash *hash;
	struct checksum checksum;
	uint64_t size;
	bool alone;		 /* no thread is to be had */
	struct block_pipe *pipe; /* NULL: no thread */
	pthread_t thread;
};

static void add(struct hash_sink *s, const void *data, size_t len)
{
	hash_update(s->hash, data, len);
	checksum_update(&s->checksum, data, len);
}

static void *hash_blocks(void *arg)
{
	struct hash_sink *s = arg;
	struct block *b;

	while ((b = block_pipe_next(s->pipe))->len) {
		add(s, b->data, b->len);
		block_pipe_used(s->pipe);
	}
	return NULL;
}

static void start_thread(struct hash_sink *s)
{
	s->pipe = parallel_cpus() > 1 ? block_pipe_new() : NULL;
	if (s->pipe && pthread_create(&s->thread, NULL, hash_blocks, s) != 0) {
		block_pipe_free(s->pipe);
		s->pipe = NULL;
	}
	s->alone = !s->pipe;
}

static int take_bytes(struct sink *base, const void *data, size_t len,
		      struct error *err)
{
	struct hash_sink *s = (struct hash_sink *)base;

	(void)err;
	s->size += len;
	if (s->size > SHORT_BYTES && !s->pipe && !s->alone)
		start_thread(s);
	if (s->pipe)
		return block_pipe_write(s->pipe, data, len);
	add(s, data, len);
	return 0;
}

static int end_thread(struct sink *base, struct error *err)
{
	struct hash_sink *s = (struct hash_sink *)base;

	(void)err;
	if (!s->pipe)
		return 0;
	block_pipe_end(s->pipe, NULL);
	pthread_join(s->thread, NULL);
	block_pipe_free(s->pipe);
	s->pipe = NULL;
	return 0;
}

static void release(struct sink *base)
{
	struct hash_sink *s = (struct hash_sink *)base;

	end_thread(base, NULL);
	hash_free(s->hash);
	free(s);
}

int sink_hash(struct sink **ret, struct error *err)
{
	struct hash_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "hashing");
	s->base.write = take_bytes;
	s->base.finish = end_thread;
	s->base.free = release;
	if (hash_new(&s->hash, err) < 0) {
		free(s);
		return -1;
	}
	*ret = &s->base;
	return 0;
}

void sink_hash_result(const struct sink *hash, struct digest *digest,
		      uint64_t *size_bytes)
{
	const struct hash_sink *s = (const struct hash_sink *)hash;

	if (digest)
		hash_digest(s->hash, digest);
	if (size_bytes)
		*size_bytes = s->size;
}

struct checksum sink_hash_checksum(const struct sink *hash)
{
	return ((const struct hash_sink *)hash)->checksum;
}
