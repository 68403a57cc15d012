/* What the layer modules share: the handle and its records on disk. */
#ifndef STORE_LAYER_INTERNAL_H
#define STORE_LAYER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/base/strv.h"
#include "store/layer.h"
#include "store/tar_index.h"

struct layer {
	atomic_uint refs;
	struct batch *batch;  /* borrowed; outlives the handle */
	pthread_mutex_t lock; /* held while a form is looked for or made */

	bool has_diff_id;
	struct digest diff_id;
	int64_t size; /* uncompressed, in bytes; -1: unknown */
	/* Of what its diffID was computed from; not known of every layer. */
	bool has_checksum;
	struct checksum checksum;

	struct tar_index *index; /* of the tar, once somebody looked in */
	char *snapshot;		 /* id, when there is a tree; NULL: not known */
	char *tree_path; /* absolute; set with `snapshot` on first use */
	/* Of the tree's root, once somebody looked something up in it. */
	struct strv top_names;
	bool has_top_names;

	bool has_remote;
	struct descriptor remote;
	char *origin;
};

/* Names under the store's root. */
struct layer_path {
	char text[192];
};

struct layer_path layer_form_path(const struct digest *diff_id,
				  const char *form);

/* Ids are ours, but records could be damaged: nothing that leads elsewhere. */
bool snapshot_id_is_valid(const char *id);
struct layer_path snapshot_path(const char *id, const char *below);

/* A new handle with nothing known; refs is 1. */
int layer_alloc(struct batch *b, struct layer **ret, struct error *err);

/*
 * Give `l` (not shared yet) its diffID: returns the handle that everybody
 * uses for it, which may be another one; `l` is consumed.
 */
int layer_intern(struct layer *l, const struct digest *diff_id,
		 struct layer **ret, struct error *err);

/* layer_record.c: records on disk. All return 1, 0 when absent, or -1. */
int layer_read_tree_record(struct layer *l, struct error *err);
int layer_read_remote_record(struct layer *l, struct error *err);
int layer_read_snapshot_record(struct layer *l, struct error *err);
int layer_read_blob_record(struct layer *l, const char *form,
			   struct descriptor *ret, struct error *err);

/* Write them with the batch. */
int layer_write_tree_record(struct layer *l, struct error *err);
int layer_write_remote_record(struct layer *l, struct error *err);
int layer_write_snapshot_record(struct layer *l, struct error *err);
int layer_write_blob_record(struct layer *l, const struct digest *diff_id,
			    const char *form, const struct descriptor *desc,
			    struct error *err);

/* "blob.gzip" or, for blobs of our own making, "blob.gzip.6". */
struct layer_path blob_form(struct compression how, bool ours);

/* Does the canonical tar exist? Opens it; -1 with ERROR_NOT_FOUND if not. */
int layer_open_tar(struct layer *l, uint64_t *size_bytes, struct error *err);

/*
 * A blob of this layer that is in the store, whoever made it: 1 and its
 * descriptor, 0 when there is none, -1.
 */
int layer_find_blob(struct layer *l, struct descriptor *ret, struct error *err);

/* layer_source.c: the layer's raw bytes, decompressed, not yet verified
 * against the diffID. Prefers tar, then blob, then remote. */
int layer_open_source(struct layer *l, struct stream **ret, struct error *err);

/*
 * The same; `*hash` (part of it) tells by stream_hash_result(), once the end
 * was read, what went by.
 */
int layer_open_hashed(struct layer *l, struct stream **hash,
		      struct stream **ret, struct error *err);

/*
 * layer_pack.c: write the canonical stream into `to` from tree or tar (the
 * lock is held). With `clamp`, later times become that. ERROR_NOT_FOUND when
 * there is neither form.
 */
int layer_pack(struct layer *l, const int64_t *clamp, struct sink *to,
	       struct error *err);

/*
 * The same, and `to` is finished. Learns the diffID, which is recorded, or
 * checks that it is what it was; with `clamp`, it is another layer's and only
 * told.
 */
int layer_pack_known(struct layer *l, const int64_t *clamp, struct sink *to,
		     struct digest *diff_id, struct error *err);

/*
 * layer_pass.c: compress the layer into `to`, which is not finished, and learn
 * or check its diffID, all in one reading (the lock is held). `ours`: pack it;
 * else what came from elsewhere passes through. Waits while others compress.
 */
int layer_compress(struct layer *l, const struct layer_format *format,
		   bool ours, struct sink *to, struct digest *diff_id,
		   struct error *err);

/* layer_blob.c, the lock is held. Is the layer of our own making, as far as
 * this store can tell? 1, 0, -1. */
int layer_is_ours(struct layer *l, struct error *err);

/*
 * A blob that was there before: one of exactly this making, or of a layer that
 * came from elsewhere, unless `force`, any. What was made of ours earlier in
 * other ways does not count: the same build must not give other manifests on
 * machines with another past. 1, 0, -1.
 */
int layer_find_format(struct layer *l, const struct layer_format *format,
		      bool ours, bool fetch, struct descriptor *ret,
		      struct error *err);

/* The media type as the wanted kind of manifest calls it. */
int layer_set_media_type(struct descriptor *d, bool docker, struct error *err);

/*
 * What the blob of this format came to when it was sent without being kept: 1,
 * 0, -1.
 */
int layer_read_sent_record(struct layer *l, const struct layer_format *format,
			   struct layer_sent *ret, struct error *err);
int layer_write_sent_record(struct layer *l, const struct layer_format *format,
			    const struct descriptor *desc,
			    const struct digest *diff_id, const char *origin,
			    struct error *err);

/* The tree with the lock held: its path goes to l->tree_path. */
int layer_need_tree(struct layer *l, struct error *err);

/* layer_open_tree() with the lock held. */
int layer_open_held(struct layer *l, int flags, struct error *err);

/*
 * Can `path` be in the tree? Most layers of steps have a name or two at their
 * top, so most lookups end here, without a system call. 1, 0 or -1; 1 where
 * there is no tree yet.
 */
int layer_tree_may_have(struct layer *l, const char *path, struct error *err);

/* Compute the diffID of a snapshot with the lock held. */
int layer_need_diff_id(struct layer *l, struct error *err);

#endif
