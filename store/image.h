/*
 * Image documents (OCI image spec: descriptor, manifest, index, config; and
 * docker's schema 2 twins) and images in the store.
 */
#ifndef STORE_IMAGE_H
#define STORE_IMAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/strv.h"
#include "store/batch.h"
#include "store/digest.h"
#include "store/platform.h"

#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_MANIFEST \
	"application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_INDEX \
	"application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

/* Largest manifest or index accepted, and largest config, in bytes. */
#define MANIFEST_MAX ((size_t)4 << 20)
#define CONFIG_MAX ((size_t)8 << 20)

struct descriptor {
	char *media_type;
	struct digest digest;
	int64_t size; /* bytes */
	bool has_platform;
	struct platform platform;
	json_t *annotations; /* object or NULL */
};

void descriptor_release(struct descriptor *d);
DEFINE_RELEASE(struct descriptor, descriptor_release);
int descriptor_copy(const struct descriptor *from, struct descriptor *to,
		    struct error *err);
int descriptor_parse(const json_t *object, struct descriptor *ret,
		     struct error *err);
json_t *descriptor_to_json(const struct descriptor *d);

/* Compression and suffix told by a layer's media type; foreign layers too. */
bool media_type_is_layer(const char *media_type);
bool media_type_is_index(const char *media_type);
bool media_type_is_manifest(const char *media_type);

/* A manifest or an index. */
struct manifest {
	char *media_type;
	bool is_index;
	struct descriptor config;  /* manifest only */
	struct descriptor *items;  /* layers, or manifests of an index */
	size_t n_items;
	json_t *annotations; /* object or NULL */
};

/*
 * Parse a manifest or index. `content_type` (may be NULL) must not contradict
 * its mediaType; schema 1, both of layers and manifests, and bad digests are
 * refused.
 */
int manifest_parse(const char *data, size_t len, const char *content_type,
		   struct manifest **ret, struct error *err);
void manifest_free(struct manifest *m);
DEFINE_CLEANUP(struct manifest *, manifest_free);

/* The document's bytes: compact, keys in fixed order. */
int manifest_serialize(const struct manifest *m, struct buf *ret,
		       struct error *err);

/* The item of an index that serves `want` best; NULL when none does. */
const struct descriptor *manifest_select(const struct manifest *index,
					 const struct platform *want);

/*
 * Image configs are kept as JSON, so that members we do not know survive.
 * image_config_serialize() writes the known keys in fixed order without the
 * empty ones, then the rest sorted; that text's digest is the image's id.
 */
json_t *image_config_new(const struct platform *platform);
int image_config_parse(const char *data, size_t len, json_t **ret,
		       struct error *err);
int image_config_serialize(const json_t *config, struct buf *ret,
			   struct error *err);
int image_config_platform(const json_t *config, struct platform *ret,
			  struct error *err);

/* The "config" member (made when absent); borrowed. NULL: no memory. */
json_t *image_config_run(json_t *config);

/* An image: a config and its layers, bottom first. */
struct layer;

struct image {
	json_t *config;
	struct layer **layers;
	size_t n_layers;
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
 * batch and set img->id.
 */
int image_save(struct batch *b, struct image *img, struct error *err);

/* Open by id. ERROR_NOT_FOUND; ERROR_INTEGRITY when a layer has gone. */
int image_open(struct batch *b, const struct digest *id, struct image **ret,
	       struct error *err);

struct layer_format;

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

#endif
