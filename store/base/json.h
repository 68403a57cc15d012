/* What jansson lacks: bounded loading, canonical dumps, typed getters. */
#ifndef STORE_BASE_JSON_H
#define STORE_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"

DEFINE_CLEANUP(json_t *, json_decref);

/*
 * Parse one JSON value, duplicates refused, depth bounded. Returns a new
 * reference, or NULL with ERROR_INTEGRITY; `what` names the document.
 */
json_t *json_parse(const char *data, size_t len, const char *what,
		   struct error *err);

/* Compact, keys in insertion order. The caller frees; `*len` may be NULL. */
char *json_serialize(const json_t *value, size_t *len, struct error *err);

/* Member of an object by type; NULL or `fallback` when absent or other. */
const char *json_get_string(const json_t *object, const char *key);
int64_t json_get_int(const json_t *object, const char *key, int64_t fallback);

/* Append the strings of an array; other elements are ERROR_INTEGRITY. */
int json_get_strings(const json_t *object, const char *key, struct strv *ret,
		     struct error *err);

/* A deep copy with the keys of all objects sorted by bytes; NULL: no memory. */
json_t *json_sorted_copy(const json_t *value);

/* A new array of strings; NULL: no memory, or bytes that are not UTF-8. */
json_t *json_from_strv(const struct strv *v);

#endif
