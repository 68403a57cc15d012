/* Image configs (OCI image spec, "config.md"; docker's extensions). */
#ifndef STORE_IMAGE_CONFIG_H
#define STORE_IMAGE_CONFIG_H

#include <jansson.h>

#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/digest.h"
#include "store/platform.h"

/* Largest config accepted, in bytes. */
#define CONFIG_MAX ((size_t)8 << 20)

/*
 * Configs are kept as JSON, so that members we do not know survive.
 * image_config_serialize() writes the known keys in fixed order without the
 * empty ones, then the rest sorted; that text's digest is the image's id.
 */
json_t *image_config_new(const struct platform *platform);

/*
 * Parse and check: members we know have the types we expect (or are null),
 * rootfs holds good digests, "config" is there. ERROR_INTEGRITY.
 */
int image_config_parse(const char *data, size_t len, json_t **ret,
		       struct error *err);
int image_config_serialize(const json_t *config, struct buf *ret,
			   struct error *err);

/* ERROR_INTEGRITY when os or architecture is missing. */
int image_config_platform(const json_t *config, struct platform *ret,
			  struct error *err);

/* The "config" member (made when absent); borrowed. NULL: no memory. */
json_t *image_config_run(json_t *config);

/* rootfs.diff_ids: how many, the i-th (below that number), and all of them. */
size_t image_config_n_layers(const json_t *config);
int image_config_diff_id(const json_t *config, size_t i, struct digest *ret,
			 struct error *err);
int image_config_set_diff_ids(json_t *config, const struct digest *ids,
			      size_t n, struct error *err);

#endif
