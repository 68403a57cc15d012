/* Which steps and cache mounts to forget for a limit. Private to gc.c. */
#ifndef STORE_GC_BUDGET_H
#define STORE_GC_BUDGET_H

#include <stdbool.h>
#include <time.h>

#include "store/base/map.h"
#include "store/store.h"

struct gc_victim {
	char *name; /* of the file in cache/ or the folder in mounts/ */
	bool is_mount;
	struct timespec used;
	uint64_t bytes; /* of a mount; a step's are those of its layers */
};

/* The first `n_victims` of all there are, in the order of their last use. */
struct gc_budget {
	struct gc_victim *items;
	size_t len;
	size_t capacity;
	size_t n_victims;
};

/*
 * Measure all objects, which takes its time; what comes later is measured when
 * it is met.
 */
int gc_sizes_new(struct store *s, struct map **ret, struct error *err);

/* As few as will do; all, when even that is not enough. */
int gc_budget_plan(struct store *s, uint64_t max_bytes, const struct map *sizes,
		   struct gc_budget *ret, struct error *err);
void gc_budget_release(struct gc_budget *b);
DEFINE_RELEASE(struct gc_budget, gc_budget_release);

#endif
