#include "builder/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/cleanup.h"

static void append_joined(struct buf *out, const struct strv *items)
{
	size_t i;

	for (i = 0; i < items->len; i++) {
		if (i)
			buf_append_char(out, ' ');
		buf_append_str(out, items->items[i]);
	}
}

/* One declared ARG with the value that the process sees. */
static void append_arg(struct buf *out, const char *arg, const struct vars *env)
{
	size_t len = strcspn(arg, "=");
	autofree char *name = strndup(arg, len);
	const char *value;

	if (!name) {
		out->failed = true;
		return;
	}
	value = vars_get(env, name);
	if (!value)
		value = arg[len] ? arg + len + 1 : "";
	buf_printf(out, "%s=%s ", name, value);
}

void history_run(struct buf *out, const struct vars *args,
		 const struct vars *env, const struct strv *argv)
{
	size_t i;

	buf_append_str(out, "RUN ");
	if (args->list.len)
		buf_printf(out, "|%zu ", args->list.len);
	for (i = 0; i < args->list.len; i++)
		append_arg(out, args->list.items[i], env);
	append_joined(out, argv);
	buf_append_str(out, " # buildkit");
}

/* Escapes of Go's %q that have a letter. */
static const char *short_escape(char c)
{
	static const char *const escapes[] = {
		['"'] = "\\\"", ['\\'] = "\\\\", ['\a'] = "\\a",
		['\b'] = "\\b", ['\f'] = "\\f",	 ['\n'] = "\\n",
		['\r'] = "\\r", ['\t'] = "\\t",	 ['\v'] = "\\v",
	};
	size_t i = (unsigned char)c;

	return i < ARRAY_LEN(escapes) ? escapes[i] : NULL;
}

static void append_quoted(struct buf *out, const char *text)
{
	buf_append_char(out, '"');
	for (; *text; text++) {
		const char *escape = short_escape(*text);
		unsigned char c = (unsigned char)*text;

		if (escape)
			buf_append_str(out, escape);
		else if (c < ' ' || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_append_char(out, *text);
	}
	buf_append_char(out, '"');
}

void history_quoted(struct buf *out, const char *keyword,
		    const struct strv *items)
{
	size_t i;

	buf_printf(out, "%s [", keyword);
	for (i = 0; i < items->len; i++) {
		if (i)
			buf_append_char(out, ' ');
		append_quoted(out, items->items[i]);
	}
	buf_append_char(out, ']');
}

void history_list(struct buf *out, const char *keyword,
		  const struct strv *items)
{
	buf_printf(out, "%s [", keyword);
	append_joined(out, items);
	buf_append_char(out, ']');
}

/* A fraction of `unit` nanoseconds, without trailing zeros. */
static void append_fraction(struct buf *out, uint64_t value, uint64_t unit,
			    const char *suffix)
{
	uint64_t rest = value % unit;
	char digits[24] = "";

	if (rest) {
		int len = snprintf(digits, sizeof(digits), "%" PRIu64,
				   unit + rest);

		while (len > 1 && digits[len - 1] == '0')
			digits[--len] = '\0';
		/* The leading 1 stands for the unit and keeps the zeros. */
		digits[0] = '.';
	}
	buf_printf(out, "%" PRIu64 "%s%s", value / unit, digits, suffix);
}

void history_duration(struct buf *out, int64_t nanoseconds)
{
	uint64_t ns = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds
				      : (uint64_t)nanoseconds;
	uint64_t second = 1000000000;

	if (nanoseconds < 0)
		buf_append_char(out, '-');
	if (ns && ns < 1000) {
		buf_printf(out, "%" PRIu64 "ns", ns);
	} else if (ns && ns < 1000000) {
		append_fraction(out, ns, 1000, "\xc2\xb5s");
	} else if (ns && ns < second) {
		append_fraction(out, ns, 1000000, "ms");
	} else {
		if (ns >= 3600 * second)
			buf_printf(out, "%" PRIu64 "h", ns / (3600 * second));
		if (ns >= 60 * second)
			buf_printf(out, "%" PRIu64 "m",
				   ns / (60 * second) % 60);
		append_fraction(out, ns % (60 * second), second, "s");
	}
}

void history_healthcheck(struct buf *out, const struct strv *test,
			 const struct healthcheck *h)
{
	const struct {
		const char *name;
		int64_t value;
	} durations[] = {
		{ " Interval:", h->interval_ns },
		{ " Timeout:", h->timeout_ns },
		{ " StartPeriod:", h->start_period_ns },
		{ " StartInterval:", h->start_interval_ns },
	};
	size_t i;

	buf_append_str(out, "HEALTHCHECK {Test:[");
	append_joined(out, test);
	buf_append_char(out, ']');
	for (i = 0; i < ARRAY_LEN(durations); i++) {
		buf_append_str(out, durations[i].name);
		history_duration(out, durations[i].value);
	}
	buf_printf(out, " Retries:%" PRId32 "}", h->retries);
}
