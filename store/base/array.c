#include "store/base/array.h"

#include <stdlib.h>

#define FIRST_CAPACITY 16

void *array_double(void *items, size_t *capacity, size_t item_size)
{
	size_t wanted = *capacity ? *capacity * 2 : FIRST_CAPACITY;
	void *grown = reallocarray(items, wanted, item_size);

	if (grown)
		*capacity = wanted;
	return grown;
}
