#include "store/base/json_text.h"

#include <string.h>

#include "store/base/buf.h"
#include "store/base/rune.h"

json_t *json_text_len(const char *text, size_t len)
{
	AUTO(buf_release) struct buf clean = BUF_INIT;
	const char *p, *end = text + len;
	size_t n;

	for (p = text; p < end; p += n) {
		if (rune_valid(p, end, &n))
			buf_append(&clean, p, n);
		else
			buf_append_str(&clean, "\xef\xbf\xbd");
	}
	if (clean.failed)
		return NULL;
	return json_stringn(clean.data ? clean.data : "", clean.len);
}

json_t *json_text(const char *text)
{
	return json_text_len(text, strlen(text));
}

json_t *json_texts(const struct strv *v)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list && i < v->len; i++) {
		if (json_array_append_new(list, json_text(v->items[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}
