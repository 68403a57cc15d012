/* Images in the store. */
#ifndef STORE_IMAGE_H
#define STORE_IMAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "store/batch.h"
#include "store/descriptor.h"
#include "store/digest.h"
#include "store/image_config.h"
#include "store/layer.h"
#include "store/manifest.h"

struct image {
	json_t *config;
	struct layer **layers;
	size_t n_layers;
	size_t n_base_layers;	/* of the base image: never clamped */
	struct digest id;	/* of the config; set once saved or opened */
	struct digest manifest; /* the one it was pulled as; may be unset */
};

int image_new(json_t *config, struct image **ret, struct error *err);
void image_free(struct image *img);
DEFINE_CLEANUP(struct image *, image_free);

/* Append a layer; takes a reference of its own. */
int image_add_layer(struct image *img, struct layer *l, struct error *err);

/*
 * Write the config (rootfs.diff_ids filled from the layers) as a blob of the
 * batch and set img->id. Layers that are trees so far are read to learn their
 * diffIDs; with `format` (or NULL) their blobs are made in the same reading,
 * for an image_manifest() of that format to follow.
 */
int image_save(struct batch *b, struct image *img,
	       const struct layer_format *format, struct error *err);

/* Told of each layer; from many threads, a failure ends it all. */
struct image_watch {
	/*
	 * Have the layer's blob made elsewhere than in the store: 1, 0 (make
	 * it here), or -1. As layer_blob().
	 */
	int (*make)(void *ctx, struct layer *l,
		    const struct layer_format *format, struct descriptor *ret,
		    struct digest *diff_id, struct error *err);
	/*
	 * Its blob is in the store, or remote. Not called after a make(), nor
	 * by image_save_watched().
	 */
	int (*layer)(void *ctx, struct layer *l, const struct descriptor *blob,
		     struct error *err);
	void *ctx;
};

/*
 * The same (with a format), so that a layer can be sent by the reading that
 * learns its diffID.
 */
int image_save_watched(struct batch *b, struct image *img,
		       const struct layer_format *format,
		       const struct image_watch *watch, struct error *err);

/*
 * Have no file of the layers above the base one that is later than `epoch`
 * (seconds): those layers become others. Before image_save().
 */
int image_clamp(struct image *img, int64_t epoch, struct error *err);

/* Open by id. ERROR_NOT_FOUND; ERROR_INTEGRITY when a layer has gone. */
int image_open(struct batch *b, const struct digest *id, struct image **ret,
	       struct error *err);

/*
 * Was it pulled as an image of docker's kind? Passed on as that kind it keeps
 * its digest.
 */
bool image_came_as_docker(struct batch *b, const struct image *img);

/*
 * A manifest for the image with all its blobs in the store (remote layers
 * that need not be rewritten stay remote unless `fetch`). When clamping
 * changes layers, the manifest's config is a rewritten one. `annotations` is
 * an object or NULL. The manifest and config are added to the batch; `*ret`
 * describes the manifest and carries the image's platform.
 */
int image_manifest(struct batch *b, struct image *img,
		   const struct layer_format *format, bool fetch,
		   const json_t *annotations, struct descriptor *ret,
		   struct error *err);

/* The same, so that some layers can be sent while others are being made. */
int image_manifest_watched(struct batch *b, struct image *img,
			   const struct layer_format *format, bool fetch,
			   const json_t *annotations,
			   const struct image_watch *watch,
			   struct descriptor *ret, struct error *err);

#endif
