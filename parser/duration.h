/* Durations as in HEALTHCHECK, in the form of Go: "1m30s", "500ms". */
#ifndef PARSER_DURATION_H
#define PARSER_DURATION_H

#include <stdint.h>

#include "store/base/error.h"

/*
 * Nanoseconds of `text` into `*ns`. Units are ns, us, ms, s, m and h; a sign
 * and fractions are allowed. ERROR_DOCKERFILE when it is no duration.
 */
int duration_parse(const char *text, int64_t *ns, struct error *err);

#endif
