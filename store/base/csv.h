/* Comma-separated fields, as option values carry them (RFC 4180 quoting). */
#ifndef STORE_BASE_CSV_H
#define STORE_BASE_CSV_H

#include "store/base/strv.h"

/*
 * Append the fields of one line: a field that holds a comma or a quote is
 * written in double quotes, a quote inside doubled. A quote that is not closed
 * or stands inside a bare field is an error of `kind`, in the words that
 * people know from BuildKit.
 */
int csv_split(const char *text, enum error_kind kind, struct strv *ret,
	      struct error *err);

#endif
