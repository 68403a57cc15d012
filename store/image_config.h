/* Image configs (OCI image spec, "config.md"; docker's extensions). */
#ifndef STORE_IMAGE_CONFIG_H
#define STORE_IMAGE_CONFIG_H

#include <jansson.h>

#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/platform.h"

/* Largest config accepted, in bytes. */
#define CONFIG_MAX ((size_t)8 << 20)

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

#endif
