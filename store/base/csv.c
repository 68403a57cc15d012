#include "store/base/csv.h"

#include <string.h>

#include "store/base/buf.h"

/* One quoted field; `at` is behind its first quote. NULL: not closed. */
static const char *read_quoted(const char *at, struct buf *field)
{
	for (; *at; at++) {
		if (*at == '"' && at[1] != '"')
			return at + 1;
		if (*at == '"')
			at++;
		buf_append_char(field, *at);
	}
	return NULL;
}

static const char *read_field(const char *at, struct buf *field)
{
	size_t len;

	if (*at == '"') {
		at = read_quoted(at + 1, field);
		return at && (*at == ',' || !*at) ? at : NULL;
	}
	len = strcspn(at, ",");
	if (memchr(at, '"', len))
		return NULL;
	buf_append(field, at, len);
	return at + len;
}

int csv_split(const char *text, struct strv *ret, struct error *err)
{
	AUTO(buf_release) struct buf field = BUF_INIT;
	const char *at = text;

	for (;;) {
		buf_clear(&field);
		at = read_field(at, &field);
		if (!at)
			return error_set(err, ERROR_USAGE,
					 "misplaced quote in \"%s\"", text);
		if (buf_check(&field, "reading a list", err) < 0)
			return -1;
		strv_append_len(ret, field.data ? field.data : "", field.len);
		if (!*at)
			return strv_check(ret, "reading a list", err);
		at++;
	}
}
