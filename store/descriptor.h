/*
 * Media types and descriptors (OCI image spec, "descriptor.md"; docker's
 * schema 2 twins).
 */
#ifndef STORE_DESCRIPTOR_H
#define STORE_DESCRIPTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/compress.h"
#include "store/digest.h"
#include "store/platform.h"

#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX	   "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG   "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER	   "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_MANIFEST                                                  \
	"application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_INDEX                                                     \
	"application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER  "application/vnd.docker.image.rootfs.diff.tar"

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

/* ERROR_INTEGRITY for what is no descriptor. "urls" and "data" are ignored. */
int descriptor_parse(const json_t *object, struct descriptor *ret,
		     struct error *err);

/* Keys in fixed order. NULL: no memory. */
json_t *descriptor_to_json(const struct descriptor *d);

/* The members os, architecture, variant and os.version of `object`, as is. */
int platform_from_json(const json_t *object, struct platform *ret,
		       struct error *err);
json_t *platform_to_json(const struct platform *p);

/*
 * The "annotations" of `object`: a new reference, or NULL when there are
 * none. Values that are not text are ERROR_INTEGRITY.
 */
int annotations_parse(const json_t *object, json_t **ret, struct error *err);

/*
 * What a media type is. Layers are OCI's and docker's, with any compression
 * suffix, non-distributable ("foreign") ones too.
 */
bool media_type_is_layer(const char *media_type);
/* A layer that may only be referred to, where docker says so. */
bool media_type_is_foreign(const char *media_type);
bool media_type_is_index(const char *media_type);
bool media_type_is_manifest(const char *media_type);
bool media_type_is_config(const char *media_type);

/* The media type of a layer blob of ours. */
const char *media_type_for_layer(enum compression_kind kind, bool docker);

#endif
