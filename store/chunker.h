/*
 * Cutting a stream into chunks where its contents say so, so that a change in
 * one place leaves the chunks of all others as they were: a rolling hash over
 * the last 64 bytes, with cuts made less likely before the wanted size and more
 * likely behind it (as FastCDC does). Where it cuts decides what is found again
 * in stores written earlier: the numbers here never change.
 */
#ifndef STORE_CHUNKER_H
#define STORE_CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_MIN    ((size_t)32 << 10)
#define CHUNK_WANTED ((size_t)128 << 10)
#define CHUNK_MAX    ((size_t)512 << 10)

struct chunker {
	uint64_t gear[256]; /* what each byte adds to the hash */
};

void chunker_init(struct chunker *c);

/*
 * Length of the first chunk of `data`: at most CHUNK_MAX, all of it when there
 * are fewer than CHUNK_MIN bytes. Unless it is the end of the stream, at least
 * CHUNK_MAX bytes must be there.
 */
size_t chunker_cut(const struct chunker *c, const unsigned char *data,
		   size_t len);

#endif
