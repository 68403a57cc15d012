#include "store/mount_save.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/json.h"
#include "store/base/map.h"
#include "store/base/parallel.h"
#include "store/chunker.h"
#include "store/tree_tar.h"

#define WHAT "saving cache mounts"

/* A pack is closed once it has that many bytes, uncompressed. */
#define PACK_BYTES ((uint64_t)32 << 20)

/* Room behind which chunks are cut: a few of the largest. */
#define BUFFER_SIZE (4 * CHUNK_MAX)

/* A pack being written: compressed and hashed into a file of the batch. */
struct pack_file {
	char *name;
	int fd;
	struct sink *file, *hash, *both, *compress;
};

struct mount_save {
	struct batch *batch;
	struct mount_index index; /* packs that are not closed come last */
	struct map *known;	  /* digest -> number + 1, of chunks to reuse */
	struct map *new_packs;	  /* blob digest -> name of its file */
	struct pack_file open;
	struct chunker chunker;
	struct mount_entry *entry; /* being added */
	unsigned char *buffer;
	size_t in_buffer;
	uint64_t bytes, new_bytes;
	struct buf index_text;
	struct digest index_digest;
};

/* ---- packs ---- */

static void pack_file_release(struct pack_file *p)
{
	sink_free(p->compress);
	sink_free(p->both);
	sink_free(p->hash);
	sink_free(p->file);
	if (p->fd >= 0)
		close(p->fd);
	free(p->name);
	*p = (struct pack_file){ .fd = -1 };
}

static int open_pack(struct mount_save *s, struct error *err)
{
	const struct compression how = { COMPRESSION_ZSTD,
					 COMPRESSION_LEVEL_DEFAULT };
	static const struct digest unset;
	struct pack_file *p = &s->open;

	p->fd = batch_fresh_file(s->batch, "pack", &p->name, err);
	if (p->fd < 0)
		return -1;
	if (sink_to_fd(p->fd, p->name, &p->file, err) < 0 ||
	    sink_hash(&p->hash, err) < 0 ||
	    sink_tee(p->file, p->hash, &p->both, err) < 0 ||
	    sink_compress(how, parallel_cpus(), p->both, &p->compress, err) < 0)
		return -1;
	return mount_index_add_pack(&s->index, &unset, 0, err);
}

/* Its digest and size are known now. */
static int close_pack(struct mount_save *s, struct error *err)
{
	struct pack_file *p = &s->open;
	struct mount_pack *pack = &s->index.packs[s->index.n_packs - 1];
	uint64_t size;

	if (!p->name)
		return 0;
	if (sink_finish(p->compress, err) < 0 || sink_finish(p->both, err) < 0)
		return -1;
	sink_hash_result(p->hash, &pack->digest, &size);
	pack->size = (int64_t)size;
	if (close(steal_fd(&p->fd)) < 0)
		return error_sys(err, errno, "cannot write '%s/%s'",
				 batch_path(s->batch), p->name);
	if (map_put(s->new_packs, pack->digest.text, strlen(pack->digest.text),
		    p->name) < 0)
		return error_nomem(err, WHAT);
	p->name = NULL;
	pack_file_release(p);
	return 0;
}

/* ---- chunks ---- */

static int remember(struct mount_save *s, uint32_t number, struct error *err)
{
	const char *key = s->index.chunks[number].digest.text;

	/* Numbers are kept as pointers, none of them NULL. */
	return map_put(s->known, key, strlen(key),
		       (void *)((uintptr_t)number + 1)) < 0
		       ? error_nomem(err, WHAT)
		       : 0;
}

static int pack_chunk(struct mount_save *s, const struct digest *digest,
		      const void *data, size_t len, struct error *err)
{
	if (!s->open.name && open_pack(s, err) < 0)
		return -1;
	if (sink_write(s->open.compress, data, len, err) < 0 ||
	    mount_index_add_chunk(&s->index, digest, (uint32_t)len, err) < 0 ||
	    remember(s, (uint32_t)(s->index.n_chunks - 1), err) < 0)
		return -1;
	s->new_bytes += len;
	if (s->index.packs[s->index.n_packs - 1].bytes >= PACK_BYTES)
		return close_pack(s, err);
	return 0;
}

static int add_chunk(struct mount_save *s, const void *data, size_t len,
		     struct error *err)
{
	struct digest digest;
	uintptr_t number;

	digest_bytes(data, len, &digest);
	s->bytes += len;
	number = (uintptr_t)map_get(s->known, digest.text, strlen(digest.text));
	if (!number) {
		number = s->index.n_chunks + 1;
		if (pack_chunk(s, &digest, data, len, err) < 0)
			return -1;
	}
	return mount_entry_append(s->entry, (uint32_t)(number - 1), err);
}

/* Cut as long as the end of the next chunk is sure to be there. */
static int cut(struct mount_save *s, bool at_end, struct error *err)
{
	size_t at = 0;

	while (s->in_buffer - at >= CHUNK_MAX ||
	       (at_end && at < s->in_buffer)) {
		size_t len = chunker_cut(&s->chunker, s->buffer + at,
					 s->in_buffer - at);

		if (add_chunk(s, s->buffer + at, len, err) < 0)
			return -1;
		at += len;
	}
	s->in_buffer -= at;
	memmove(s->buffer, s->buffer + at, s->in_buffer);
	return 0;
}

/* The tar writer's sink. */
struct chunk_sink {
	struct sink base;
	struct mount_save *save;
};

static int chunk_write(struct sink *base, const void *data, size_t len,
		       struct error *err)
{
	struct mount_save *s = ((struct chunk_sink *)base)->save;
	const char *at = data;

	while (len) {
		size_t room = BUFFER_SIZE - s->in_buffer;
		size_t n = len < room ? len : room;

		memcpy(s->buffer + s->in_buffer, at, n);
		s->in_buffer += n;
		at += n;
		len -= n;
		if (s->in_buffer == BUFFER_SIZE && cut(s, false, err) < 0)
			return -1;
	}
	return 0;
}

static int chunk_tree(struct mount_save *s, struct tree *tree,
		      struct error *err)
{
	struct chunk_sink to = { .base.write = chunk_write, .save = s };
	AUTO(tar_writer_free) struct tar_writer *w = NULL;

	s->in_buffer = 0;
	if (tar_writer_new(&to.base, NULL, &w, err) < 0 ||
	    tree_to_tar(tree, w, err) < 0 || tar_writer_finish(w, err) < 0)
		return -1;
	return cut(s, true, err);
}

int mount_save_add(struct mount_save *s, const char *id, int dir,
		   struct error *err)
{
	const char *prefix = store_overlay_xattr_prefix(batch_store(s->batch));
	AUTO(tree_free) struct tree *tree = NULL;

	if (tree_new(dir, prefix, &tree, err) < 0 ||
	    mount_index_start(&s->index, id, &s->entry, err) < 0 ||
	    chunk_tree(s, tree, err) < 0)
		return error_wrap(err, "cache mount '%s'", id);
	return 0;
}

/* ---- all of it ---- */

/*
 * What the destination has is known, but for packs of which less than half is
 * still needed: what is needed of those gets into new ones, and some day
 * nothing needs them.
 */
static int know(struct mount_save *s, struct error *err)
{
	autofree uint64_t *used = calloc(s->index.n_packs + 1, sizeof(*used));

	if (!used)
		return error_nomem(err, WHAT);
	mount_index_count_used(&s->index, used);
	for (size_t i = 0; i < s->index.n_packs; i++) {
		const struct mount_pack *p = &s->index.packs[i];

		if (used[i] < p->bytes / 2)
			continue;
		for (uint32_t c = p->first; c < p->first + p->n; c++)
			if (remember(s, c, err) < 0)
				return -1;
	}
	return 0;
}

static int init(struct mount_save *s, const struct mount_index *before,
		struct error *err)
{
	chunker_init(&s->chunker);
	s->known = map_new(NULL);
	s->new_packs = map_new(free);
	s->buffer = malloc(BUFFER_SIZE);
	if (!s->known || !s->new_packs || !s->buffer)
		return error_nomem(err, WHAT);
	if (mount_index_compact(before, &s->index, err) < 0)
		return -1;
	return know(s, err);
}

int mount_save_new(struct batch *b, const struct mount_index *before,
		   struct mount_save **ret, struct error *err)
{
	AUTO(mount_save_free) struct mount_save *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, WHAT);
	s->batch = b;
	s->open.fd = -1;
	if (init(s, before, err) < 0)
		return -1;
	*ret = steal_pointer(&s);
	return 0;
}

void mount_save_free(struct mount_save *s)
{
	if (!s)
		return;
	pack_file_release(&s->open);
	mount_index_release(&s->index);
	map_free(s->known);
	map_free(s->new_packs);
	buf_release(&s->index_text);
	free(s->buffer);
	free(s);
}

static json_t *describe(const char *type, const struct digest *digest,
			int64_t size)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest",
			 digest->text, "size", (json_int_t)size);
}

static json_t *manifest_to_json(const struct mount_save *s)
{
	AUTO(json_decref) json_t *layers = json_array();

	for (size_t i = 0; i < s->index.n_packs; i++)
		if (json_array_append_new(layers,
					  describe(MOUNT_PACK_TYPE,
						   &s->index.packs[i].digest,
						   s->index.packs[i].size)) < 0)
			return NULL;
	return json_pack("{s:i, s:s, s:s, s:o, s:O}", "schemaVersion", 2,
			 "mediaType", MEDIA_OCI_MANIFEST, "artifactType",
			 MOUNT_ARTIFACT_TYPE, "config",
			 describe(MOUNT_INDEX_TYPE, &s->index_digest,
				  (int64_t)s->index_text.len),
			 "layers", layers);
}

static int finish_index(struct mount_save *s, struct error *err)
{
	struct mount_index needed = { 0 };

	if (close_pack(s, err) < 0 ||
	    mount_index_compact(&s->index, &needed, err) < 0)
		return -1;
	mount_index_release(&s->index);
	s->index = needed;
	if (mount_index_serialize(&s->index, &s->index_text, err) < 0)
		return -1;
	if (s->index_text.len > MOUNT_INDEX_MAX)
		return error_set(err, ERROR_REFUSED,
				 "the index of the cache mounts has more than "
				 "%zu bytes",
				 MOUNT_INDEX_MAX);
	digest_bytes(s->index_text.data, s->index_text.len, &s->index_digest);
	return 0;
}

int mount_save_finish(struct mount_save *s, struct descriptor *root,
		      struct buf *manifest, struct error *err)
{
	AUTO(json_decref) json_t *doc = NULL;
	autofree char *text = NULL;
	size_t len = 0;

	if (finish_index(s, err) < 0)
		return -1;
	doc = manifest_to_json(s);
	text = doc ? json_serialize(doc, &len, err) : NULL;
	if (!text)
		return error_nomem(err, WHAT);
	buf_append(manifest, text, len);
	root->media_type = strdup(MEDIA_OCI_MANIFEST);
	if (!root->media_type || buf_check(manifest, WHAT, err) < 0)
		return error_nomem(err, WHAT);
	root->size = (int64_t)len;
	digest_bytes(text, len, &root->digest);
	return 0;
}

int mount_save_open(struct mount_save *s, const struct digest *digest,
		    struct stream **ret, struct error *err)
{
	const char *name;
	int fd;

	if (digest_equal(digest, &s->index_digest))
		return stream_from_memory(s->index_text.data, s->index_text.len,
					  ret, err);
	name = map_get(s->new_packs, digest->text, strlen(digest->text));
	if (!name)
		return error_set(err, ERROR_NOT_FOUND,
				 "a pack of the cache mounts saved earlier has "
				 "gone (%s); remove that save",
				 digest->text);
	fd = openat(batch_fd(s->batch), name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s/%s'",
				 batch_path(s->batch), name);
	return stream_from_fd(fd, true, 0, UINT64_MAX, ret, err);
}

uint64_t mount_save_new_bytes(const struct mount_save *s)
{
	return s->new_bytes;
}

uint64_t mount_save_bytes(const struct mount_save *s)
{
	return s->bytes;
}
