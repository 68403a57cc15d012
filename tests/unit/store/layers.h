/* Layers in a store of a test. */
#ifndef TESTS_UNIT_STORE_LAYERS_H
#define TESTS_UNIT_STORE_LAYERS_H

#include "store/layer.h"
#include "store/view.h"
#include "tests/unit/store/place.h"
#include "tests/unit/store/trees.h"

/*
 * A layer in tar form of the lines of `text`, each "TYPE PATH [DATA]" with the
 * letters of entry_letters, in canonical order. `times` is every mtime.
 */
struct layer *layer_of_text(struct place *p, const char *text, int64_t times);

/* A tree in the batch's folder, as an upper directory; its name is `name`. */
struct tree *upper_in_batch(struct place *p, const char *name);

/* Entries of a layer as tree_describe() tells them; the caller frees. */
char *describe_layer(struct place *p, struct layer *l);

/* Likewise of the whole view, without owners and modes. */
char *describe_view(struct view *v);

#endif
