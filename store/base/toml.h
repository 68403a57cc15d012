/*
 * The part of TOML (1.0) that configuration of registries is written in:
 * tables, arrays of tables, dotted and quoted keys, strings, whole numbers,
 * booleans, arrays and inline tables. No dates, floats or multi-line strings.
 */
#ifndef STORE_BASE_TOML_H
#define STORE_BASE_TOML_H

#include <jansson.h>
#include <stddef.h>

#include "store/base/error.h"

/*
 * A new object whose members come in the order they are written in; `what`
 * names the document in errors (ERROR_USAGE, with the line). NULL: failed.
 */
json_t *toml_parse(const char *data, size_t len, const char *what,
		   struct error *err);

/*
 * Parse the file `path`, at most 1 MiB. 1 with a new object in `*ret`, 0 when
 * there is no such file, -1.
 */
int toml_read(const char *path, json_t **ret, struct error *err);

#endif
