/*
 * Saved cache mounts: what they are made of, and in which blobs that lies.
 *
 * A mount's contents are a canonical tar, cut into chunks; chunks lie one
 * behind the other in packs, which are zstd-compressed blobs. All of it is an
 * OCI artifact: the packs are its layers, the index is its config:
 *
 *   {"version": 1,
 *    "packs": [{"digest": DIGEST, "size": BYTES, "chunks": [[HEX, BYTES],
 * ...]}], "mounts": [{"id": TEXT, "runs": [[FIRST, COUNT], ...]}]}
 *
 * Chunks are numbered through all packs; a mount is the chunks of its runs.
 * Everything that is read here comes from elsewhere and is checked: digests,
 * sizes, numbers in range.
 */
#ifndef STORE_MOUNT_INDEX_H
#define STORE_MOUNT_INDEX_H

#include <stdint.h>

#include "store/base/buf.h"
#include "store/digest.h"

#define MOUNT_ARTIFACT_TYPE "application/vnd.shale.cache-mounts.v1"
#define MOUNT_INDEX_TYPE    "application/vnd.shale.cache-mounts.index.v1+json"
#define MOUNT_PACK_TYPE	    "application/vnd.shale.cache-mounts.pack.v1+zstd"

/* Largest index accepted, in bytes. */
#define MOUNT_INDEX_MAX ((size_t)64 << 20)
/* Largest pack, in bytes uncompressed. */
#define MOUNT_PACK_MAX ((uint64_t)256 << 20)

struct mount_chunk {
	struct digest digest;
	uint32_t size; /* bytes, uncompressed like all sizes in a pack */
	uint32_t pack;
	uint64_t offset; /* in its pack */
};

struct mount_pack {
	struct digest digest; /* of the blob */
	int64_t size;	      /* of the blob */
	uint32_t first;	      /* chunk */
	uint32_t n;
	uint64_t bytes; /* of its chunks */
};

struct mount_run {
	uint32_t first;
	uint32_t n;
};

struct mount_entry {
	char *id;
	struct mount_run *runs;
	size_t n_runs, room;
};

/* A zeroed one is empty. */
struct mount_index {
	struct mount_chunk *chunks;
	size_t n_chunks, chunk_room;
	struct mount_pack *packs;
	size_t n_packs, pack_room;
	struct mount_entry *mounts;
	size_t n_mounts, mount_room;
};

void mount_index_release(struct mount_index *x);
DEFINE_RELEASE(struct mount_index, mount_index_release);

/* ERROR_INTEGRITY; ERROR_REFUSED for a newer version. */
int mount_index_parse(const char *data, size_t len, struct mount_index *ret,
		      struct error *err);
int mount_index_serialize(const struct mount_index *x, struct buf *ret,
			  struct error *err);

/* NULL when there is none of that id. */
const struct mount_entry *mount_index_find(const struct mount_index *x,
					   const char *id);

/* ---- making one ---- */

/* A pack without chunks; they are added to the last one. */
int mount_index_add_pack(struct mount_index *x, const struct digest *digest,
			 int64_t size, struct error *err);
int mount_index_add_chunk(struct mount_index *x, const struct digest *digest,
			  uint32_t size, struct error *err);

/* The entry of `id`, made when absent, without chunks. */
int mount_index_start(struct mount_index *x, const char *id,
		      struct mount_entry **ret, struct error *err);
int mount_entry_append(struct mount_entry *e, uint32_t chunk,
		       struct error *err);

/* A copy without the packs that no mount needs. */
int mount_index_compact(const struct mount_index *x, struct mount_index *ret,
			struct error *err);

/* Bytes of each pack that mounts need; one number for each, zeroed. */
void mount_index_count_used(const struct mount_index *x, uint64_t *used);

#endif
