#include "store/base/rune.h"

#include <stdint.h>
#include <string.h>

/* Length that the first byte announces; 0 for a byte that cannot be first. */
static size_t announced_len(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* Refuse overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

bool rune_valid(const char *p, const char *end, size_t *len)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = announced_len(u[0]), i;

	*len = 1;
	if (n == 0 || n > (size_t)(end - p))
		return false;
	for (i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return false;
	if (n > 1 && !second_byte_fits(u[0], u[1]))
		return false;
	*len = n;
	return true;
}

size_t rune_len(const char *p, const char *end)
{
	size_t len;

	rune_valid(p, end, &len);
	return len;
}

size_t blank_len_wide(const char *p, const char *end)
{
	static const char *const wide[] = {
		"\xc2\x85",	"\xc2\xa0",	"\xe1\x9a\x80", "\xe2\x80\x80",
		"\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84",
		"\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
		"\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};
	size_t i;

	for (i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		size_t len = strlen(wide[i]);

		if (len <= (size_t)(end - p) && !memcmp(p, wide[i], len))
			return len;
	}
	return 0;
}

const char *blank_find(const char *p, const char *end)
{
	while (p < end && !blank_len(p, end))
		p++;
	return p;
}

const char *blank_skip(const char *p, const char *end)
{
	size_t len;

	while ((len = blank_len(p, end)))
		p += len;
	return p;
}

/* Start of the white space character that ends at `end`, or `end`. */
static const char *blank_before(const char *p, const char *end)
{
	const char *q;

	for (q = end; q > p && end - q < 3;) {
		q--;
		if (blank_len(q, end) == (size_t)(end - q))
			return q;
	}
	return end;
}

void blank_trim(const char **p, const char **end)
{
	const char *q;

	*p = blank_skip(*p, *end);
	while ((q = blank_before(*p, *end)) < *end)
		*end = q;
}
