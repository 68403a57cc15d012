/* Spans of time as people write them. */
#ifndef BUILDER_CLI_AGE_H
#define BUILDER_CLI_AGE_H

#include <stdint.h>

#include "store/base/error.h"

/* "90s", "15m", "24h" or "7d" as seconds. ERROR_USAGE. */
int age_parse(const char *text, int64_t *ret, struct error *err);

#endif
