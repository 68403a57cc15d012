/* How much space a store takes, and for what. */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "store/store.h"

/* One kind of objects; `free_bytes` is what no name leads to. */
struct usage_line {
	uint64_t n;
	uint64_t bytes; /* on disk */
	uint64_t free_bytes;
};

struct usage {
	uint64_t n_names;
	struct usage_line packed; /* layers as tars, with their records */
	struct usage_line trees;
	struct usage_line blobs;
	struct usage_line steps; /* remembered results */
	struct usage_line files; /* remembered file digests */
	struct usage_line mounts;
};

int store_usage(struct store *s, struct usage *ret, struct error *err);

uint64_t usage_total(const struct usage *u);

/* Disk space of a file or tree, 0 when absent. */
uint64_t usage_of(int dirfd, const char *name);

#endif
