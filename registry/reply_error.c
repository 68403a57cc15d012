#include "registry/reply_error.h"

#include <string.h>
#include <strings.h>

#include "registry/printable.h"
#include "registry/url.h"
#include "registry/verdict.h"
#include "store/base/json.h"

#define BODY_MAX ((size_t)64 << 10)
#define TEXT_MAX 400

static void append(struct buf *out, const char *text, const char *between)
{
	if (!text || !*text)
		return;
	if (out->len)
		buf_append_str(out, between);
	buf_append_str(out, text);
}

/* One of {"errors": [{"code", "message", "detail"}]}. */
static void append_error(struct buf *out, const json_t *item)
{
	const char *message = json_get_string(item, "message");
	const char *code = json_get_string(item, "code");
	const json_t *detail = json_object_get(item, "detail");

	append(out, message && *message ? message : code, "; ");
	if (json_is_object(detail))
		detail = json_object_get(detail, "message");
	if (json_is_string(detail))
		append(out, json_string_value(detail), ": ");
}

/* Token servers and proxies have shapes of their own. */
static void append_other(struct buf *out, const json_t *body)
{
	static const char *const keys[] = { "details", "message",
					    "error_description", "error" };

	for (size_t i = 0; i < ARRAY_LEN(keys) && !out->len; i++)
		append(out, json_get_string(body, keys[i]), "");
}

static void append_json(struct buf *out, const json_t *body)
{
	const json_t *errors = json_object_get(body, "errors"), *item;
	size_t i;

	json_array_foreach(errors, i, item) {
		append_error(out, item);
	}
	if (!out->len)
		append_other(out, body);
}

/* Of a page that something in between shows, its title is what counts. */
static void append_title(struct buf *out, const char *page, size_t len)
{
	static const char mark[] = "<title>";
	size_t n = sizeof(mark) - 1;

	for (size_t i = 0; i + n <= len; i++) {
		const char *title = page + i + n, *end;

		if (strncasecmp(page + i, mark, n) != 0)
			continue;
		end = memchr(title, '<', len - i - n);
		buf_append(out, title,
			   end ? (size_t)(end - title) : len - i - n);
		return;
	}
}

void reply_error_text(const char *body, size_t len, char *buf, size_t size)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	AUTO(json_decref) json_t *value = NULL;
	struct error ignored = ERROR_INIT;
	size_t blanks = 0;

	while (blanks < len && strchr(" \t\r\n", body[blanks]))
		blanks++;
	value = json_parse(body, len, "the reply", &ignored);
	buf[0] = '\0';
	if (value)
		append_json(&out, value);
	else if (blanks < len && body[blanks] == '<')
		append_title(&out, body, len);
	else if (blanks < len)
		buf_append(&out, body, len);
	if (!out.failed && out.len)
		printable(buf, size, out.data, out.len);
}

int reply_error(struct http_exchange *x, const char *method, const char *url,
		struct error *err)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	autofree char *shown = url_for_message(url);
	struct error ignored = ERROR_INIT;
	char text[TEXT_MAX] = "", status[64];
	const char *reason = http_reason(x->status);

	/* A body that breaks off or never ends still holds the first words. */
	http_read_all(x, BODY_MAX, &body, &ignored);
	if (ignored.kind == ERROR_CANCELED) {
		*err = ignored;
		return -1;
	}
	if (!body.failed && body.len)
		reply_error_text(body.data, body.len, text, sizeof(text));
	snprintf(status, sizeof(status), "%d%s%s", x->status,
		 *reason ? " " : "", reason);
	if (!strcmp(text, status)) /* pages often say no more */
		*text = '\0';
	return error_set(err, http_error_kind(x->status), "%s %s: %s%s%s",
			 method, shown ? shown : "", status, *text ? ": " : "",
			 text);
}
