/*
 * The store on disk: where it is, who may use it, and its folders.
 *
 *   blobs/sha256/<hex>       manifests, configs, layers that exist as blobs
 *   names/<escaped name>     name -> image
 *   lists/<escaped name>     images to be pushed as one (image_list.h)
 *   layers/sha256/<diffID>/  the forms a layer exists in (layer.h)
 *   snapshots/<id>/          extracted trees and RUN results (layer.h)
 *   cache/<key>              step results (step_cache.h)
 *   mounts/<id>/             contents of RUN --mount=type=cache
 *   files/<context>          remembered file digests (file_digests.h)
 *   tmp/<id>/                work in progress, locked by its owner (batch.h)
 *   lock                     see store_lock()
 *   version                  format of all this
 *
 * Any number of processes may share a store. Nothing is visible before it is
 * whole: objects are renamed into place. A store_*() handle may be used from
 * many threads.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "store/base/cancel.h"
#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/stream.h"

struct store;
struct descriptor;

/*
 * Open the store at `root`, making it (mode 0700) when absent. NULL means
 * SHALE_ROOT, else /var/lib/shale for root of the initial user namespace,
 * else $XDG_DATA_HOME/shale, else ~/.local/share/shale. Sweeps what dead
 * processes left in tmp/. A store of a newer format is ERROR_REFUSED, and so
 * is a directory that holds something else.
 */
int store_open(const char *root, struct store **ret, struct error *err);
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close);

/* The root as an absolute path and as a descriptor; both borrowed. */
const char *store_path(const struct store *s);
int store_fd(const struct store *s);

/*
 * "trusted." or "user.": the xattr namespace overlay uses for this store's
 * trees, found out by trying when the store is opened.
 */
const char *store_overlay_xattr_prefix(const struct store *s);

/*
 * How layers that are known only by where they come from are fetched. The
 * registry client registers itself here; `origin` is the repository,
 * "docker.io/library/alpine". `*ret` yields the raw, unverified blob.
 */
struct store_fetcher {
	int (*fetch)(void *ctx, const char *origin,
		     const struct descriptor *desc, struct stream **ret,
		     struct error *err);
	void *ctx;
};

/* Before the first use of a remote layer; `f` is borrowed. */
void store_set_fetcher(struct store *s, const struct store_fetcher *f);
const struct store_fetcher *store_get_fetcher(const struct store *s);

/*
 * Keep others from collecting garbage (shared; for moments, while a batch
 * writes down what it is going to use), or from using more than they do
 * (exclusive: the collector, gc.h). Returns a descriptor to close, which ends
 * it; waits until `cancel` (may be NULL).
 */
int store_lock(struct store *s, bool exclusive, const struct cancel *cancel,
	       struct error *err);

#endif
