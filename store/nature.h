/* What a stretch of data is like, which decides how it is worth packing. */
#ifndef STORE_NATURE_H
#define STORE_NATURE_H

#include <stddef.h>
#include <stdint.h>

enum nature {
	NATURE_NOISE,	/* every byte as likely as any other */
	NATURE_SKEWED,	/* no repetitions, but some bytes come more often */
	NATURE_REPEATS, /* the rest */
};

/*
 * Judged by samples of `data`, 32 KiB of which take some microseconds; follows
 * from its bytes alone. Less than 4 KiB are always NATURE_REPEATS.
 */
enum nature nature_of(const uint8_t *data, size_t len);

#endif
