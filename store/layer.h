/*
 * A layer and its forms: remote (a descriptor and where to fetch it), blob
 * (compressed), tar (the canonical uncompressed stream), tree (an extracted
 * directory for overlay), diffID (digest of the uncompressed tar). Ask for
 * the form you need; it is made the cheapest way and remembered.
 *
 * On disk:
 *   layers/sha256/<diffID>/tar                 canonical stream
 *   layers/sha256/<diffID>/tree                {"snapshot", "size"}
 *   layers/sha256/<diffID>/blob.<kind>[.LEVEL] descriptor of a known blob
 *   layers/sha256/<diffID>/remote              {"origin", "descriptor"}
 *   layers/sha256/<diffID>/sent.<kind>.LEVEL   the same, of a blob we made and
 *                                              sent there without keeping it;
 *                                              ".until-SECONDS" behind it: with
 *                                              times rewritten, so that it has
 *                                              a diffID of its own
 *   snapshots/<id>/fs/                         the tree
 *   snapshots/<id>/diffid                      {"diffID", "size"}, once known
 *
 * A blob we compressed ourselves carries its level in the record's name; one
 * that came from elsewhere does not. Sizes are those of the uncompressed
 * stream in bytes.
 *
 * A handle is shared by reference count and may be used from many threads;
 * the same form is never made twice at a time.
 */
#ifndef STORE_LAYER_H
#define STORE_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "store/batch.h"
#include "store/compress.h"
#include "store/descriptor.h"
#include "store/digest.h"

struct layer;
struct view;

struct layer *layer_ref(struct layer *l);
void layer_unref(struct layer *l);
DEFINE_CLEANUP(struct layer *, layer_unref);

/* The empty layer: a tar of 1024 zero bytes. */
int layer_empty(struct batch *b, struct layer **ret, struct error *err);

/* A layer with a known diffID; ERROR_NOT_FOUND when no form of it exists. */
int layer_by_diff_id(struct batch *b, const struct digest *diff_id,
		     struct layer **ret, struct error *err);

/*
 * A layer that can be fetched: makes or completes the record. `origin` is
 * the repository for store_fetcher.
 */
int layer_by_remote(struct batch *b, const struct digest *diff_id,
		    const struct descriptor *desc, const char *origin,
		    struct layer **ret, struct error *err);

/*
 * Take over an overlay upper directory, `name` in the batch's folder, as the
 * result of a step. It is normalised in one walk against `lower`: whiteouts
 * of nothing and directories copied up but unchanged are removed, opaque
 * directories get explicit whiteouts, sockets are removed. `*empty` tells
 * whether nothing was left. A file named ".wh.*" is ERROR_REFUSED.
 */
int layer_from_upper(struct batch *b, const char *name, struct view *lower,
		     struct layer **ret, bool *empty, struct error *err);

/*
 * Take over a canonical tar, `name` in the batch's folder, whose digest the
 * writer computed.
 */
int layer_from_tar(struct batch *b, const char *name,
		   const struct digest *diff_id, struct layer **ret,
		   struct error *err);

/*
 * Take over a layer blob already added to the batch (load, import); finds
 * out and verifies the diffID. `expected` may be NULL.
 */
int layer_from_blob(struct batch *b, const struct descriptor *desc,
		    const struct digest *expected, struct layer **ret,
		    struct error *err);

/*
 * Name for cache records: a diffID or "snapshot:<id>". layer_by_id() gives
 * ERROR_NOT_FOUND when the layer has gone. The caller frees the name.
 */
char *layer_id(struct layer *l, struct error *err);
int layer_by_id(struct batch *b, const char *id, struct layer **ret,
		struct error *err);

/* Is the diffID known, so that asking for it costs nothing? */
bool layer_has_diff_id(struct layer *l);

/* The diffID, computed on first use. */
int layer_diff_id(struct layer *l, struct digest *ret, struct error *err);

/* Is the diffID the empty layer's? Never computes anything expensive. */
bool layer_is_empty(struct layer *l);

/*
 * Bytes of the layer as far as they are known without work: uncompressed, or
 * of its blob while it is only remote; -1 when nothing is known.
 */
int64_t layer_size(struct layer *l);

/*
 * The tree as an absolute path usable as an overlay lower, once it is
 * published; borrowed, valid while the handle is held. Fetches and extracts
 * when it must.
 */
int layer_tree(struct layer *l, const char **path, struct error *err);

/* The same if it costs nothing, else NULL. */
const char *layer_known_tree(struct layer *l);

/*
 * Where a tree that is there already may still be: to be looked for before the
 * path above, in this order, by who has no batch. The caller frees; NULL: it
 * is published.
 */
char *layer_pending_tree(struct layer *l);

/* Open the tree, wherever it is, with open(2) `flags`. */
int layer_open_tree(struct layer *l, int flags, struct error *err);

/* The canonical uncompressed stream, verified against the diffID. */
int layer_stream(struct layer *l, struct stream **ret, struct error *err);

/* How a blob is wanted. */
struct layer_format {
	struct compression compression;
	bool force;	      /* recompress even when some blob is known */
	const int64_t *clamp; /* rewrite later mtimes to this, or NULL */
	bool docker;	      /* docker media types instead of OCI */
};

/*
 * The layer as a blob in the store: an existing or remote one is taken when
 * `format` allows (fetched when remote and `fetch`), else one is made.
 * `*diff_id` is that of the blob (another one when clamping changed it).
 * `ret` must be released with descriptor_release().
 */
int layer_blob(struct layer *l, const struct layer_format *format, bool fetch,
	       struct descriptor *ret, struct digest *diff_id,
	       struct error *err);

/* Who has the blob of a format? */
enum layer_blob_place {
	LAYER_BLOB_HELD,   /* layer_blob() knows without compressing */
	LAYER_BLOB_SENT,   /* not kept, but known: it went to a registry once */
	LAYER_BLOB_UNMADE, /* nobody: its digest is not known either */
};

/* What was sent without being kept. */
struct layer_sent {
	struct descriptor desc;
	struct digest diff_id;
	char *origin; /* "domain/path" it went to */
};

void layer_sent_release(struct layer_sent *s);
DEFINE_RELEASE(struct layer_sent, layer_sent_release);

/* Find out. `*ret`, to be released, is set for LAYER_BLOB_SENT. */
int layer_find_place(struct layer *l, const struct layer_format *format,
		     enum layer_blob_place *place, struct layer_sent *ret,
		     struct error *err);

/*
 * Make the blob while it is read, and keep it nowhere: the layer is read once,
 * on a thread of its own; its diffID is learned, or checked. At the stream's
 * end, layer_send_result() tells what went by and remembers that it is at
 * `origin` now ("domain/path"). The same layer gives the same bytes again, at
 * least with the same libraries. `format->clamp` is borrowed until then.
 */
int layer_send(struct layer *l, const struct layer_format *format,
	       struct stream **ret, struct error *err);
int layer_send_result(struct stream *s, const char *origin,
		      struct descriptor *ret, struct digest *diff_id,
		      struct error *err);

/*
 * Where the layer could be fetched or mounted from: its descriptor and
 * repository, both borrowed; false when it has no remote form.
 */
bool layer_remote(struct layer *l, const struct descriptor **desc,
		  const char **origin);

#endif
