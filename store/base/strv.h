/*
 * A growing, NULL-terminated list of strings that it owns. Like struct buf,
 * the first failed allocation sticks and is reported once.
 */
#ifndef STORE_BASE_STRV_H
#define STORE_BASE_STRV_H

#include "store/base/cleanup.h"
#include "store/base/error.h"

struct strv {
	char **items; /* NULL-terminated; NULL while empty and never appended */
	size_t len;
	size_t capacity;
	bool failed;
};

#define STRV_INIT { 0 }

void strv_release(struct strv *v);
DEFINE_RELEASE(struct strv, strv_release);

/* Append a copy of `str`, or of its first `len` bytes. */
void strv_append(struct strv *v, const char *str);
void strv_append_len(struct strv *v, const char *str, size_t len);

/* Append `str` itself, which must come from malloc(); NULL counts as failed. */
void strv_take(struct strv *v, char *str);

/* Append copies of all items of `from`. */
void strv_append_all(struct strv *v, const struct strv *from);

/* Take item `i` out; the order of the others stays. The caller frees it. */
char *strv_remove(struct strv *v, size_t i);

/* Index of `str`, or -1. */
ptrdiff_t strv_find(const struct strv *v, const char *str);

/* Sort by bytes. */
void strv_sort(struct strv *v);

/* 0, or -1 with ERROR_NOMEM set when an append failed. */
int strv_check(const struct strv *v, const char *what, struct error *err);

/*
 * Environment lists, "NAME=value". strv_env_get() returns the value inside
 * the list, or NULL; strv_env_set() replaces in place or appends.
 */
const char *strv_env_get(const struct strv *env, const char *name);
void strv_env_set(struct strv *env, const char *name, const char *value);

#endif
