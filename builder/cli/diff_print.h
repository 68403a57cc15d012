/* The document of image_diff.h for people. */
#ifndef BUILDER_CLI_DIFF_PRINT_H
#define BUILDER_CLI_DIFF_PRINT_H

#include <jansson.h>
#include <stddef.h>

#include "store/base/buf.h"

/*
 * Append everything: a paragraph for config, history and each layer, one line
 * for each difference. Foreign text is made harmless for terminals.
 */
void diff_print(const json_t *diff, struct buf *ret);

/* Append the first difference only: of the layers', else of the documents. */
void diff_print_first(const json_t *diff, struct buf *ret);

#endif
