/* Numbers in bytes, whatever the order in which the processor keeps them. */
#ifndef STORE_BASE_BYTES_H
#define STORE_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

/* The eight bytes at `p`, aligned or not, the first one lowest. */
static inline uint64_t load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

#endif
