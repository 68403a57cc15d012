/*
 * Bytes in motion. A stream is read from, a sink is written to; both wrap one
 * another (limit, verify, decompress; tee, hash, compress). The first error
 * sticks: after -1 only the free function may follow. Memory use does not
 * grow with the length of what flows through.
 */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include <stdint.h>
#include <sys/types.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/digest.h"

struct stream {
	/* Up to `len` bytes; 0 at the end, -1 on error. */
	ssize_t (*read)(struct stream *s, void *data, size_t len,
			struct error *err);
	/*
	 * Move over zeros that need not be read: `*len` is how many there were
	 * at the current position. NULL: the stream knows no holes.
	 */
	int (*hole)(struct stream *s, uint64_t *len, struct error *err);
	void (*free)(struct stream *s);
};

/* Up to `len` bytes; 0 at the end. */
ssize_t stream_read(struct stream *s, void *data, size_t len,
		    struct error *err);

/* Exactly `len` bytes, or as many as there are: returns the count or -1. */
ssize_t stream_read_full(struct stream *s, void *data, size_t len,
			 struct error *err);

/*
 * Move over a hole at the current position, `*len` bytes of zeros (0: none
 * here). Who stores sparse files asks before each read; who does not ask
 * reads the zeros.
 */
int stream_skip_hole(struct stream *s, uint64_t *len, struct error *err);

/* Accepts NULL; wrapping streams free what they wrap. */
void stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free);

/*
 * `len` bytes of `fd` from `offset` by pread; UINT64_MAX: to the end. A file
 * that ends before a given `len` is ERROR_INTEGRITY. Takes `fd` when `take_fd`
 * (also on failure).
 */
int stream_from_fd(int fd, bool take_fd, off_t offset, uint64_t len,
		   struct stream **ret, struct error *err);

/* A pipe or socket, read from where it is. */
int stream_from_pipe(int fd, bool take_fd, struct stream **ret,
		     struct error *err);

/* Borrowed memory. */
int stream_from_memory(const void *data, size_t len, struct stream **ret,
		       struct error *err);

/*
 * Pass `inner` (taken, also on failure) through; at its end ERROR_INTEGRITY
 * unless exactly `size` bytes with digest `expected` went by. `size` -1: any.
 * `expected` NULL: any digest. Bytes beyond `size` fail at once.
 */
int stream_verify(struct stream *inner, int64_t size,
		  const struct digest *expected, struct stream **ret,
		  struct error *err);

/*
 * Hash what is read. The result covers the bytes read so far: the whole
 * stream once its end was seen. Takes `inner` (also on failure).
 */
int stream_hash(struct stream *inner, struct stream **ret, struct error *err);
void stream_hash_result(const struct stream *hash, struct digest *digest,
			uint64_t *size_bytes);

/* Fail with ERROR_REFUSED after `max` bytes; `what` (copied) names it. Takes
 * `inner`. */
int stream_limit(struct stream *inner, uint64_t max, const char *what,
		 struct stream **ret, struct error *err);

/*
 * A prefix of `len` bytes that was read from `inner` already, then the rest
 * of it; for sniffing. Copies the prefix, takes `inner`.
 */
int stream_unread(struct stream *inner, const void *prefix, size_t len,
		  struct stream **ret, struct error *err);

/*
 * Read `inner` (taken, also on failure) on a thread of its own, a megabyte
 * ahead: what fetches and decompresses does not wait for what stores. Freeing
 * it waits for a read under way. Without threads to be had it is `inner`.
 */
int stream_ahead(struct stream *inner, struct stream **ret, struct error *err);

struct sink {
	int (*write)(struct sink *s, const void *data, size_t len,
		     struct error *err);
	/* Flush; nothing may be written after. NULL: nothing to do. */
	int (*finish)(struct sink *s, struct error *err);
	void (*free)(struct sink *s);
};

int sink_write(struct sink *s, const void *data, size_t len, struct error *err);
int sink_finish(struct sink *s, struct error *err);
void sink_free(struct sink *s);
DEFINE_CLEANUP(struct sink *, sink_free);

/* Write to `fd` (borrowed) at its position. */
int sink_to_fd(int fd, const char *what, struct sink **ret, struct error *err);

/*
 * What a change by accident does not leave as it was: a CRC-64 (of ECMA-182,
 * reflected) and the size. A tenth of the work of a digest, and no proof
 * against anybody.
 */
struct checksum {
	uint64_t crc64;
	uint64_t size_bytes;
};

void checksum_update(struct checksum *sum, const void *data, size_t len);
bool checksum_equal(struct checksum a, struct checksum b);

/* Count and hash; read the results after finish. */
int sink_hash(struct sink **ret, struct error *err);
void sink_hash_result(const struct sink *hash, struct digest *digest,
		      uint64_t *size_bytes);
struct checksum sink_hash_checksum(const struct sink *hash);

/* The checksum alone; it is complete when all was written. */
int sink_checksum(struct sink **ret, struct error *err);
struct checksum sink_checksum_result(const struct sink *sink);

/* Write everything to both; `a` and `b` are borrowed; finish finishes both. */
int sink_tee(struct sink *a, struct sink *b, struct sink **ret,
	     struct error *err);

/*
 * What `fn` writes, on a thread of its own and a megabyte ahead of who reads.
 * Ends when `fn` returns 0, fails with its error. Freeing the stream makes the
 * next write of `fn` fail and waits for it to return; `ctx` is borrowed.
 */
int stream_produce(int (*fn)(void *ctx, struct sink *to, struct error *err),
		   void *ctx, struct stream **ret, struct error *err);

/* Read `from` to its end into `to`, then finish `to`. */
int stream_copy(struct stream *from, struct sink *to, struct error *err);

#endif
