/* Columns for people: widths follow the contents. */
#ifndef BUILDER_CLI_TABLE_H
#define BUILDER_CLI_TABLE_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "store/base/buf.h"
#include "store/base/strv.h"

/*
 * Print `cells`, row after row of `columns` cells each, the first row being
 * the headings, padded to columns.
 */
void table_print(FILE *out, const struct strv *cells, size_t columns);

/* Append "3 days ago", "12.3MB" as one cell. A size of -1 is "-". */
void table_age(struct strv *cells, struct timespec then);
void table_size(struct strv *cells, int64_t bytes);

#endif
