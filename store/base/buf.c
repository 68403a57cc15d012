#include "store/base/buf.h"

#include <stdint.h>
#include <string.h>

void buf_release(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

char *buf_reserve(struct buf *buf, size_t len)
{
	size_t need, capacity;
	char *data;

	if (buf->failed)
		return NULL;
	if (len > SIZE_MAX / 2 - buf->len - 1) {
		buf->failed = true;
		return NULL;
	}
	need = buf->len + len + 1;
	if (need <= buf->capacity)
		return buf->data + buf->len;
	capacity = buf->capacity ? buf->capacity : 64;
	while (capacity < need)
		capacity *= 2;
	data = realloc(buf->data, capacity);
	if (!data) {
		buf->failed = true;
		return NULL;
	}
	if (!buf->data)
		data[0] = '\0';
	buf->data = data;
	buf->capacity = capacity;
	return data + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
	char *dst = buf_reserve(buf, len);

	if (!dst)
		return;
	if (len)
		memcpy(dst, data, len);
	buf_commit(buf, len);
}

void buf_append_str(struct buf *buf, const char *str)
{
	buf_append(buf, str, strlen(str));
}

void buf_append_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	char *dst;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0) {
		buf->failed = true;
		return;
	}
	dst = buf_reserve(buf, (size_t)len);
	if (!dst)
		return;
	va_start(ap, fmt);
	vsnprintf(dst, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf_commit(buf, (size_t)len);
}

void buf_truncate(struct buf *buf, size_t len)
{
	buf->len = len;
	if (buf->data)
		buf->data[len] = '\0';
}

int buf_check(const struct buf *buf, const char *what, struct error *err)
{
	return buf->failed ? error_nomem(err, what) : 0;
}

char *buf_steal(struct buf *buf)
{
	char *data = NULL;

	if (!buf->failed && buf_reserve(buf, 0))
		data = steal_pointer(&buf->data);
	buf_release(buf);
	return data;
}

char *buf_steal_checked(struct buf *buf, const char *what, struct error *err)
{
	char *data = buf_steal(buf);

	if (!data)
		error_nomem(err, what);
	return data;
}
