#include "registry/printable.h"

#include <stdbool.h>
#include <string.h>

#include "store/base/rune.h"

/* C1 controls, and the marks that turn the direction of writing. */
static bool steers_terminal(const unsigned char *p, size_t len)
{
	if (len == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (len != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
	       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* Bytes of the character at `p` when it may be shown as it is, else 0. */
static size_t harmless_len(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t len;

	if (!rune_valid(p, end, &len) || *u < ' ' || *u == 0x7f ||
	    steers_terminal(u, len))
		return 0;
	return len;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *printable(char *buf, size_t size, const char *text, size_t len)
{
	const char *p = text, *end = p + len;
	size_t out = 0;

	while (p < end) {
		size_t n = harmless_len(p, end);
		const char *shown = is_blank(*p) ? " " : n ? p : "?";

		n = n ? n : 1;
		if (out + n >= size)
			break;
		if (*shown != ' ' || (out && buf[out - 1] != ' ')) {
			memcpy(buf + out, shown, n);
			out += n;
		}
		p += n;
	}
	if (out && buf[out - 1] == ' ')
		out--;
	buf[out] = '\0';
	return buf;
}
