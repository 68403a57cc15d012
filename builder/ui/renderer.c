#include "builder/ui/renderer.h"

#include "store/base/io.h"

struct timespec progress_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now;
}

double progress_seconds(struct timespec from, struct timespec to)
{
	return (double)(to.tv_sec - from.tv_sec) +
	       (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

void progress_flush(struct progress *p)
{
	struct error err = ERROR_INIT;

	if (p->out.len)
		io_write(p->fd, p->out.data, p->out.len, "progress", &err);
	buf_clear(&p->out);
}

static void format_size(struct buf *out, int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		unit++;
	}
	buf_printf(out, unit ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

void progress_format_bytes(struct buf *out, int64_t current, int64_t total)
{
	format_size(out, current);
	if (total < 0)
		return;
	buf_append_str(out, " / ");
	format_size(out, total);
}

#define RATE_AFTER 0.2 /* seconds: before that it says nothing */

void progress_format_transfer(struct buf *out, const struct transfer *t)
{
	double seconds = progress_seconds(t->started, progress_clock());

	progress_format_bytes(out, t->current, t->total);
	if (*t->note) {
		buf_printf(out, " %s", t->note);
		return;
	}
	buf_printf(out, " %.1fs", seconds);
	if (seconds < RATE_AFTER)
		return;
	buf_append_str(out, ", ");
	format_size(out, (int64_t)((double)t->current / seconds));
	buf_append_str(out, "/s");
}
