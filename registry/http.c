#include "registry/http.h"

#include <string.h>
#include <strings.h>

void http_exchange_free(struct http_exchange *x)
{
	if (x)
		x->free(x);
}

const char *http_header(const struct strv *headers, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < headers->len; i++) {
		const char *line = headers->items[i];

		if (!strncasecmp(line, name, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

int http_read_all(struct http_exchange *x, size_t max, struct buf *ret,
		  struct error *err)
{
	size_t start = ret->len;

	for (;;) {
		char *room = buf_reserve(ret, 16384);
		ssize_t n;

		if (!room)
			return error_nomem(err, "reading a reply");
		n = x->read(x, room, 16384, err);
		if (n <= 0)
			return (int)n;
		buf_commit(ret, (size_t)n);
		if (ret->len - start > max)
			return error_set(err, ERROR_REFUSED,
					 "the reply is larger than %zu bytes",
					 max);
	}
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 400, "Bad Request" },	       { 401, "Unauthorized" },
		{ 403, "Forbidden" },	       { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 408, "Request Timeout" },    { 409, "Conflict" },
		{ 413, "Content Too Large" },  { 416, "Range Not Satisfiable" },
		{ 429, "Too Many Requests" },  { 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },	       { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },    { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}
