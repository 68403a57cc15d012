/*
 * What files of two layers differ in. Layers are told apart by what their tars
 * say: names, types, modes, owners, times, attributes and contents.
 */
#ifndef STORE_LAYER_DIFF_H
#define STORE_LAYER_DIFF_H

#include <jansson.h>

#include "store/layer.h"

/*
 * An array, in no other order than that of the paths:
 *
 *   {"path": PATH, "change": "removed"|"added"}
 *   {"path": PATH, "change": "changed",
 *    "fields": [{"field": "mode", "left": "0644", "right": "0755"}, ...]}
 *
 * Of contents the first byte that differs is told: {"field": "content",
 * "offset": N}. Bytes of names that are not UTF-8 are written as "\xNN".
 * `a` or `b` may be NULL: a layer of nothing. The contents of files that
 * differ are put aside in `batch` for comparing them byte by byte. NULL with
 * `err` set on failure.
 */
json_t *layer_diff(struct batch *batch, struct layer *a, struct layer *b,
		   struct error *err);

#endif
