#include "registry/printable.h"

#include <stdbool.h>
#include <stdint.h>

/* Length of the UTF-8 character at `p`, 0 when it is none of U+00A0 and up. */
static size_t utf8_len(const unsigned char *p, size_t len)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c;

	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (n == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff)))
		return 0;
	if (n == 4 && (c < 0x10000 || c > 0x10ffff))
		return 0;
	/* C1 controls, and the marks that turn the direction of writing. */
	if (c < 0xa0 || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069))
		return 0;
	return n;
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *printable(char *buf, size_t size, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	size_t out = 0;

	while (p < end) {
		size_t n = 1;
		char single = (char)*p;

		if (is_blank(*p)) {
			single = ' ';
		} else if (*p >= 0x80) {
			n = utf8_len(p, (size_t)(end - p));
			single = n ? 0 : '?';
		} else if (*p < ' ' || *p == 0x7f) {
			single = '?';
		}
		if (out + (n ? n : 1) >= size)
			break;
		if (single != ' ' || (out && buf[out - 1] != ' ')) {
			for (size_t i = 0; i < n && !single; i++)
				buf[out++] = (char)p[i];
			if (single)
				buf[out++] = single;
		}
		p += n ? n : 1;
	}
	if (out && buf[out - 1] == ' ')
		out--;
	buf[out] = '\0';
	return buf;
}
