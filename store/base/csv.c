#include "store/base/csv.h"

#include <string.h>

#include "store/base/buf.h"

static int refuse(enum error_kind kind, const char *text, const char *at,
		  const char *why, struct error *err)
{
	return error_set(err, kind, "parse error on line 1, column %d: %s",
			 (int)(at - text) + 1, why);
}

/* Behind an opening quote: returns what follows the closing one, or NULL. */
static const char *take_quoted(const char *p, struct buf *field)
{
	for (; *p; p++) {
		if (*p == '"' && *++p != '"')
			return p;
		if (!*p)
			break;
		buf_append_char(field, *p);
	}
	return NULL;
}

/* One field at `p`; returns its end, or NULL with `err` set. */
static const char *take_field(const char *text, const char *p,
			      struct buf *field, enum error_kind kind,
			      struct error *err)
{
	const char *end = p + strcspn(p, ",");
	const char *quote = memchr(p, '"', (size_t)(end - p));

	if (*p == '"') {
		end = take_quoted(p + 1, field);
		if (end && (!*end || *end == ','))
			return end;
		refuse(kind, text, end ? end : p,
		       "extraneous or missing \" in "
		       "quoted-field",
		       err);
		return NULL;
	}
	if (quote) {
		refuse(kind, text, quote, "bare \" in non-quoted field", err);
		return NULL;
	}
	buf_append(field, p, (size_t)(end - p));
	return end;
}

int csv_split(const char *text, enum error_kind kind, struct strv *ret,
	      struct error *err)
{
	const char *p = text;

	for (;;) {
		AUTO(buf_release) struct buf field = BUF_INIT;

		p = take_field(text, p, &field, kind, err);
		if (!p)
			return -1;
		strv_take(ret, buf_steal(&field));
		if (!*p)
			return strv_check(ret, "splitting fields", err);
		p++;
	}
}
