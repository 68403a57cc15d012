#include "registry/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, struct buf *ret)
{
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16;

		bits |= n > 1 ? (uint32_t)in[i + 1] << 8 : 0;
		bits |= n > 2 ? in[i + 2] : 0;
		buf_append_char(ret, alphabet[bits >> 18]);
		buf_append_char(ret, alphabet[bits >> 12 & 63]);
		buf_append_char(ret, n > 1 ? alphabet[bits >> 6 & 63] : '=');
		buf_append_char(ret, n > 2 ? alphabet[bits & 63] : '=');
	}
}

int base64_decode(const char *text, struct buf *ret)
{
	uint32_t bits = 0;
	unsigned n = 0;

	for (; *text && *text != '='; text++) {
		const char *at = strchr(alphabet, *text);

		if (strchr("\r\n", *text))
			continue;
		if (!at)
			return -1;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_append_char(ret, (char)(bits >> n & 255));
		}
	}
	if (n >= 6 || text[strspn(text, "=\r\n")])
		return -1;
	return 0;
}
