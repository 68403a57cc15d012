/*
 * Freeing space: what no name and no remembered step leads to, and no running
 * build has pinned (batch_pin()), is removed. Works on a full disk, and beside
 * running builds.
 */
#ifndef STORE_GC_H
#define STORE_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* A label that images have, or (`absent`) do not have. */
struct gc_label {
	const char *key;
	const char *value; /* NULL: any */
	bool absent;
};

struct gc_options {
	bool drop_steps;  /* forget results of steps and file digests */
	bool drop_mounts; /* remove contents of cache mounts not in use */
	/*
	 * With these two: only what nobody used for that many seconds; 0
	 * means all.
	 */
	int64_t unused_for;
	/*
	 * If not 0: forget steps and cache mounts, those used longest ago
	 * first, until the store takes no more than that; what names lead to
	 * stays in any case.
	 */
	uint64_t max_bytes;
	/*
	 * Of what nothing leads to, only what belongs to images that match all
	 * of these. What belongs to no image has no labels.
	 */
	const struct gc_label *labels;
	size_t n_labels;
};

struct gc_report {
	uint64_t freed_bytes; /* on disk */
	uint64_t n_removed;   /* layers, trees, blobs, mounts */
	uint64_t n_steps;     /* remembered steps that were forgotten */
};

/* `ret` may be NULL. Interrupted at any point it leaves a sound store. */
int gc_run(struct store *s, const struct gc_options *options,
	   const struct cancel *cancel, struct gc_report *ret,
	   struct error *err);

#endif
