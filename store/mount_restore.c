#include "store/mount_restore.h"

#include <pthread.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/parallel.h"
#include "store/tree_tar.h"

#define WHAT "restoring cache mounts"

/* Packs fetched at a time. */
#define PACKS_AT_ONCE 4

/* A pack's chunks, decompressed in a file without a name. */
struct fetched {
	pthread_mutex_t lock;
	int fd; /* -1 until it is there */
};

struct mount_restore {
	struct batch *batch;
	struct mount_index index;
	struct mount_source from;
	struct fetched *packs;
};

int mount_restore_new(struct batch *b, struct mount_index *index,
		      const struct mount_source *from,
		      struct mount_restore **ret, struct error *err)
{
	struct mount_restore *r = calloc(1, sizeof(*r));

	if (r)
		r->packs = calloc(index->n_packs + 1, sizeof(*r->packs));
	if (!r || !r->packs) {
		free(r);
		return error_nomem(err, WHAT);
	}
	r->batch = b;
	r->index = *index;
	*index = (struct mount_index){ 0 };
	r->from = *from;
	for (size_t i = 0; i < r->index.n_packs; i++) {
		pthread_mutex_init(&r->packs[i].lock, NULL);
		r->packs[i].fd = -1;
	}
	*ret = r;
	return 0;
}

void mount_restore_free(struct mount_restore *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->index.n_packs; i++) {
		if (r->packs[i].fd >= 0)
			close(r->packs[i].fd);
		pthread_mutex_destroy(&r->packs[i].lock);
	}
	free(r->packs);
	mount_index_release(&r->index);
	free(r);
}

/* ---- packs ---- */

static int open_stream(struct mount_restore *r, const struct mount_pack *p,
		       struct stream **ret, struct error *err)
{
	const struct descriptor d = {
		.media_type = (char *)MOUNT_PACK_TYPE, /* only read */
		.digest = p->digest,
		.size = p->size,
	};
	struct stream *s;

	if (r->from.blob(r->from.ctx, &d, &s, err) < 0 ||
	    stream_verify(s, p->size, &p->digest, &s, err) < 0 ||
	    stream_decompress(s, NULL, &s, err) < 0)
		return -1;
	return stream_verify(s, (int64_t)p->bytes, NULL, ret, err);
}

static int fetch(struct mount_restore *r, const struct mount_pack *p,
		 struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	AUTO(sink_free) struct sink *to = NULL;
	autoclose int fd = -1;

	if (open_stream(r, p, &from, err) < 0)
		return -1;
	fd = batch_fresh_file(r->batch, "pack", NULL, err);
	if (fd < 0 || sink_to_fd(fd, "a pack of cache mounts", &to, err) < 0 ||
	    stream_copy(from, to, err) < 0)
		return -1;
	return steal_fd(&fd);
}

/* The packs that one mount needs. */
struct need {
	struct mount_restore *restore;
	uint32_t *packs;
	size_t n;
};

static int need_pack(void *ctx, size_t i, struct error *err)
{
	const struct need *need = ctx;
	struct mount_restore *r = need->restore;
	struct fetched *f = &r->packs[need->packs[i]];
	int fd;

	pthread_mutex_lock(&f->lock);
	if (f->fd < 0)
		f->fd = fetch(r, &r->index.packs[need->packs[i]], err);
	fd = f->fd;
	pthread_mutex_unlock(&f->lock);
	return fd < 0 ? -1 : 0;
}

static int fetch_all(struct mount_restore *r, const struct mount_entry *e,
		     struct error *err)
{
	autofree bool *seen = calloc(r->index.n_packs + 1, sizeof(*seen));
	autofree uint32_t *packs = calloc(r->index.n_packs + 1, sizeof(*packs));
	struct need need = { .restore = r, .packs = packs };

	if (!seen || !packs)
		return error_nomem(err, WHAT);
	for (size_t i = 0; i < e->n_runs; i++)
		for (uint32_t c = e->runs[i].first;
		     c < e->runs[i].first + e->runs[i].n; c++) {
			uint32_t pack = r->index.chunks[c].pack;

			if (!seen[pack])
				packs[need.n++] = pack;
			seen[pack] = true;
		}
	return parallel_for(need.n, PACKS_AT_ONCE, need_pack, &need, err);
}

/* ---- the tar ---- */

struct chunk_stream {
	struct stream base;
	struct mount_restore *restore;
	const struct mount_entry *entry;
	size_t run;
	uint32_t next; /* chunk of the run */
	char *data;    /* of the chunk being read */
	size_t size, at;
	size_t room;
};

static int load_chunk(struct chunk_stream *s, const struct mount_chunk *c,
		      struct error *err)
{
	struct digest digest;
	ssize_t n;

	if (c->size > s->room) {
		char *grown = realloc(s->data, c->size);

		if (!grown)
			return error_nomem(err, WHAT);
		s->data = grown;
		s->room = c->size;
	}
	n = io_pread(s->restore->packs[c->pack].fd, s->data, c->size,
		     (off_t)c->offset, "a pack of cache mounts", err);
	if (n < 0)
		return -1;
	digest_bytes(s->data, (size_t)n, &digest);
	if ((size_t)n != c->size || !digest_equal(&digest, &c->digest))
		return error_set(err, ERROR_INTEGRITY,
				 "a chunk of a cache mount is %s, expected %s",
				 digest.text, c->digest.text);
	s->size = c->size;
	s->at = 0;
	return 0;
}

/* 1 with a chunk to read from, 0 at the end. */
static int next_chunk(struct chunk_stream *s, struct error *err)
{
	const struct mount_entry *e = s->entry;

	if (s->run < e->n_runs && s->next == e->runs[s->run].n) {
		s->run++;
		s->next = 0;
	}
	if (s->run == e->n_runs)
		return 0;
	return load_chunk(s,
			  &s->restore->index
				   .chunks[e->runs[s->run].first + s->next++],
			  err) < 0
		       ? -1
		       : 1;
}

static ssize_t chunk_read(struct stream *base, void *data, size_t len,
			  struct error *err)
{
	struct chunk_stream *s = (struct chunk_stream *)base;
	size_t n;

	if (s->at == s->size) {
		int more = next_chunk(s, err);

		if (more <= 0)
			return more;
	}
	n = s->size - s->at < len ? s->size - s->at : len;
	memcpy(data, s->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static void chunk_free(struct stream *base)
{
	struct chunk_stream *s = (struct chunk_stream *)base;

	free(s->data);
	free(s);
}

static int open_tar(struct mount_restore *r, const struct mount_entry *e,
		    struct tar_reader **ret, struct error *err)
{
	struct chunk_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, WHAT);
	s->base.read = chunk_read;
	s->base.free = chunk_free;
	s->restore = r;
	s->entry = e;
	/* Not as a layer: nothing is deleted, and no name means a deletion. */
	return tar_reader_new(&s->base, false, ret, err);
}

static int apply(struct mount_restore *r, const struct mount_entry *e,
		 struct tree *tree, struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *tar = NULL;

	if (fetch_all(r, e, err) < 0 || open_tar(r, e, &tar, err) < 0)
		return -1;
	return tree_from_tar(tree, tar, err);
}

int mount_restore_into(struct mount_restore *r, const char *id, int dir,
		       struct error *err)
{
	const char *prefix = store_overlay_xattr_prefix(batch_store(r->batch));
	const struct mount_entry *e = mount_index_find(&r->index, id);
	AUTO(tree_free) struct tree *tree = NULL;

	if (tree_new(dir, prefix, &tree, err) < 0)
		return -1;
	if (!e)
		return 0;
	tree_set_links(tree, TREE_LINKS_REFUSE);
	return apply(r, e, tree, err) < 0
		       ? error_wrap(err, "cache mount '%s'", id)
		       : 1;
}
