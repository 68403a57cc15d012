#include "store/base/quote.h"

#include <string.h>

#include "store/base/rune.h"

/* The letter of a short escape, 0 when the byte has none. */
static char short_escape(char c)
{
	static const char codes[] = "\a\b\f\n\r\t\v\"\\";
	static const char letters[] = "abfnrtv\"\\";
	const char *hit = c ? strchr(codes, c) : NULL;

	return hit ? letters[hit - codes] : 0;
}

/*
 * One character as it appears between the quotes, into `out` (at least 5
 * bytes). Returns its length there and the bytes it came from in `*used`.
 */
static size_t quote_rune(const char *p, const char *end, char *out,
			 size_t *used)
{
	unsigned char c = (unsigned char)*p;
	bool valid = rune_valid(p, end, used);

	if (short_escape(*p)) {
		out[0] = '\\';
		out[1] = short_escape(*p);
		return 2;
	}
	if (valid && c >= 0x20 && c != 0x7f) {
		memcpy(out, p, *used);
		return *used;
	}
	return (size_t)snprintf(out, 5, "\\x%02x", c);
}

void quote_append(struct buf *buf, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	char out[8];
	size_t used;

	buf_append_char(buf, '"');
	for (; p < end; p += used)
		buf_append(buf, out, quote_rune(p, end, out, &used));
	buf_append_char(buf, '"');
}

const char *quote(struct quoted *storage, const char *text)
{
	return quote_len(storage, text, strlen(text));
}

const char *quote_len(struct quoted *storage, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	size_t at = 0, used;
	char out[8];

	storage->text[at++] = '"';
	for (; p < end; p += used) {
		size_t n = quote_rune(p, end, out, &used);

		/* Room for the dots, the closing quote and the NUL. */
		if (at + n > sizeof(storage->text) - 5) {
			memcpy(storage->text + at, "...", 3);
			at += 3;
			break;
		}
		memcpy(storage->text + at, out, n);
		at += n;
	}
	storage->text[at++] = '"';
	storage->text[at] = '\0';
	return storage->text;
}
