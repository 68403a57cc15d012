/* A hash table from byte strings to pointers, for lookups by name. */
#ifndef STORE_BASE_MAP_H
#define STORE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/cleanup.h"

struct map;

/* `release` is called for each value that is replaced or freed; may be NULL. */
struct map *map_new(void (*release)(void *value));
void map_free(struct map *map);
DEFINE_CLEANUP(struct map *, map_free);

/* The value for `key`, or NULL. */
void *map_get(const struct map *map, const void *key, size_t key_len);

/* Set or replace; the key is copied. -1: no memory, the value is not taken. */
int map_put(struct map *map, const void *key, size_t key_len, void *value);

/* Drop the entry if there is one. */
void map_remove(struct map *map, const void *key, size_t key_len);

size_t map_len(const struct map *map);

/* Visit all entries in no order until `visit` returns false. */
void map_each(const struct map *map,
	      bool (*visit)(void *ctx, const void *key, size_t key_len,
			    void *value),
	      void *ctx);

#endif
