#undef __clang_analyzer__ /* the functions themselves are here */

#include "store/base/error.h"

#include <stdio.h>
#include <string.h>

/* Append one NUL-terminated frame; a frame that does not fit is cut. */
static void append_frame(struct error *err, const char *fmt, va_list ap)
{
	size_t room = sizeof(err->text) - err->used;
	int len;

	if (room < 2)
		return;
	len = vsnprintf(err->text + err->used, room, fmt, ap);
	if (len < 0)
		return;
	err->used += ((size_t)len < room ? (size_t)len : room - 1) + 1;
}

/* Extend the innermost frame, which must be the only one. */
static void extend_frame(struct error *err, const char *suffix)
{
	size_t room;
	int len;

	err->used--;
	room = sizeof(err->text) - err->used;
	len = snprintf(err->text + err->used, room, ": %s", suffix);
	if (len < 0)
		len = 0;
	err->used += ((size_t)len < room ? (size_t)len : room - 1) + 1;
}

void error_clear(struct error *err)
{
	*err = (struct error)ERROR_INIT;
}

int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
	va_list ap;

	error_clear(err);
	err->kind = kind;
	va_start(ap, fmt);
	append_frame(err, fmt, ap);
	va_end(ap);
	return -1;
}

int error_sys(struct error *err, int sys, const char *fmt, ...)
{
	va_list ap;

	error_clear(err);
	err->kind = ERROR_SYSTEM;
	err->sys = sys;
	va_start(ap, fmt);
	append_frame(err, fmt, ap);
	va_end(ap);
	extend_frame(err, strerror(sys));
	return -1;
}

int error_nomem(struct error *err, const char *what)
{
	return error_set(err, ERROR_NOMEM, "out of memory while %s", what);
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append_frame(err, fmt, ap);
	va_end(ap);
	return -1;
}

int error_at_lines(struct error *err, int first_line, int last_line)
{
	if (!err->first_line) {
		err->first_line = first_line;
		err->last_line = last_line;
	}
	return -1;
}

/* Start of the frame that ends (with its NUL) just before `end`. */
static size_t frame_start(const struct error *err, size_t end)
{
	size_t start = end - 1;

	while (start > 0 && err->text[start - 1] != '\0')
		start--;
	return start;
}

char *error_message(const struct error *err, char *buf, size_t size)
{
	size_t out = 0, end = err->used;

	buf[0] = '\0';
	while (end > 0 && out < size) {
		size_t start = frame_start(err, end);
		int len = snprintf(buf + out, size - out, "%s%s",
				   out ? ": " : "", err->text + start);

		if (len < 0)
			break;
		out += (size_t)len;
		end = start;
	}
	return buf;
}

int error_exit_status(const struct error *err)
{
	if (err->kind == ERROR_NONE)
		return 0;
	if (err->kind == ERROR_USAGE)
		return 2;
	if (err->kind == ERROR_CANCELED && err->sys > 0)
		return 128 + err->sys;
	return 1;
}
