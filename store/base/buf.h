/*
 * A growing byte buffer, always NUL-terminated. The first failed allocation
 * sticks: later appends do nothing, and buf_steal() or buf_check() report it
 * once at the end instead of after every append.
 */
#ifndef STORE_BASE_BUF_H
#define STORE_BASE_BUF_H

#include "store/base/cleanup.h"
#include "store/base/error.h"

struct buf {
	char *data; /* never NULL after the first append that succeeded */
	size_t len; /* without the final NUL */
	size_t capacity;
	bool failed; /* an allocation failed; the contents are incomplete */
};

#define BUF_INIT { 0 }

void buf_release(struct buf *buf);
DEFINE_RELEASE(struct buf, buf_release);

/* Empty it, keep the allocation and forget a failure. */
void buf_clear(struct buf *buf);

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_str(struct buf *buf, const char *str);
void buf_append_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes: returns where to write them, or NULL. */
char *buf_reserve(struct buf *buf, size_t len);

/* Bytes written to what buf_reserve() returned. */
void buf_commit(struct buf *buf, size_t len);

/* Shorten to `len` bytes; `len` must not exceed buf->len. */
void buf_truncate(struct buf *buf, size_t len);

/* 0, or -1 with ERROR_NOMEM set when an append failed. */
int buf_check(const struct buf *buf, const char *what, struct error *err);

/*
 * The contents as a NUL-terminated string that the caller frees; an empty
 * buffer yields "". Returns NULL when an append failed. `buf` is empty after.
 */
char *buf_steal(struct buf *buf);

/* What buf_steal() returns, with its failure told in `err`. */
char *buf_steal_checked(struct buf *buf, const char *what, struct error *err);

#endif
