/* Values of options that are lists of attributes: "key=value,key=value". */
#ifndef BUILDER_CLI_ATTRIBUTE_H
#define BUILDER_CLI_ATTRIBUTE_H

#include "store/layer.h"

/*
 * Call `set` for each attribute of `text`, in their order, until it fails.
 * ERROR_USAGE for what is not of this form.
 */
int attributes_each(const char *text,
		    int (*set)(void *ctx, const char *key, const char *value,
			       struct error *err),
		    void *ctx, struct error *err);

/* true, false, 1 or 0. */
int attribute_bool(const char *key, const char *value, bool *ret,
		   struct error *err);

/*
 * Take compression, compression-level, force-compression or oci-mediatypes:
 * 1, 0 for another key, -1.
 */
int attribute_layer_format(const char *key, const char *value,
			   struct layer_format *ret, struct error *err);

#endif
