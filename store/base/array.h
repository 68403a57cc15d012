/* Arrays that grow by one item at a time. */
#ifndef STORE_BASE_ARRAY_H
#define STORE_BASE_ARRAY_H

#include <stddef.h>

/* The part of array_room() that is rarely needed. */
void *array_double(void *items, size_t *capacity, size_t item_size);

/*
 * Room for one more item behind the `n` in `items`, whose `*capacity` counts
 * items, too; both are empty at first. Returns where the items are from now
 * on, or NULL when memory is short: then nothing has changed.
 */
static inline void *array_room(void *items, size_t n, size_t *capacity,
			       size_t item_size)
{
	return n < *capacity ? items : array_double(items, capacity, item_size);
}

#endif
