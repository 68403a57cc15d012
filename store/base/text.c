#include "store/base/text.h"

#include <ctype.h>

#define DISTANCE_MAX_LEN 64

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

size_t text_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[DISTANCE_MAX_LEN + 1], i, j;

	if (a_len > DISTANCE_MAX_LEN || b_len > DISTANCE_MAX_LEN)
		return DISTANCE_MAX_LEN;
	for (j = 0; j <= b_len; j++)
		row[j] = j;
	for (i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

void text_lower(char *text)
{
	for (; text && *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* `src` through `change` into `dst`. */
static char *copy_changed(char *dst, size_t size, const char *src,
			  int (*change)(int c))
{
	size_t i;

	for (i = 0; src[i] && i + 1 < size; i++)
		dst[i] = (char)change((unsigned char)src[i]);
	dst[i] = '\0';
	return dst;
}

char *text_copy_lower(char *dst, size_t size, const char *src)
{
	return copy_changed(dst, size, src, tolower);
}

char *text_copy_upper(char *dst, size_t size, const char *src)
{
	return copy_changed(dst, size, src, toupper);
}
