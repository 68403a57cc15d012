/*
 * Content digests, "sha256:" and 64 lower-case hex digits (OCI image spec,
 * "Digests"). Only sha256 is made and accepted.
 */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

#define DIGEST_HEX_LEN 64

/* Comparable with memcmp; `text` is what documents and URLs carry. */
struct digest {
	char text[sizeof("sha256:") + DIGEST_HEX_LEN];
};

/* ERROR_INTEGRITY unless `text` is exactly a sha256 digest. */
int digest_parse(const char *text, struct digest *ret, struct error *err);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_set(const struct digest *d);

/* The 64 digits after the colon. */
const char *digest_hex(const struct digest *d);

/* Digest of a block of memory; unset should memory run out. */
void digest_bytes(const void *data, size_t len, struct digest *ret);

/*
 * Incremental hashing. Should memory run out inside, the digest that comes out
 * is an unset one, which equals no announced digest.
 */
struct hash;

int hash_new(struct hash **ret, struct error *err);
void hash_free(struct hash *h);
DEFINE_CLEANUP(struct hash *, hash_free);
void hash_update(struct hash *h, const void *data, size_t len);

/* A length and the bytes, so that neighbouring fields cannot run together. */
void hash_field(struct hash *h, const void *data, size_t len);
void hash_field_str(struct hash *h, const char *str);

/* The digest so far; the hash can go on. */
void hash_digest(const struct hash *h, struct digest *ret);

/* The digest of everything, and back to the start. */
void hash_finish(struct hash *h, struct digest *ret);

#endif
