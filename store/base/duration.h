/* Durations in the form of Go: "1m30s", "500ms". */
#ifndef STORE_BASE_DURATION_H
#define STORE_BASE_DURATION_H

#include <stdint.h>

#include "store/base/error.h"

#define NS_PER_MS INT64_C(1000000)

/*
 * Nanoseconds of `text` into `*ns`. Units are ns, us, ms, s, m and h; a sign
 * and fractions are allowed. ERROR_USAGE when it is no duration.
 */
int duration_parse(const char *text, int64_t *ns, struct error *err);

#endif
