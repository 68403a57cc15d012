/* One record of comma-separated values (RFC 4180). */
#ifndef PARSER_CSV_H
#define PARSER_CSV_H

#include "store/base/strv.h"

/*
 * Append the fields of `text` to `ret`. A field in double quotes may hold
 * commas, and quotes written twice. ERROR_DOCKERFILE for quotes elsewhere, or
 * ERROR_NOMEM.
 */
int csv_parse(const char *text, struct strv *ret, struct error *err);

#endif
