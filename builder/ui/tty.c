/*
 * Live progress on a terminal: finished steps scroll by, running ones are
 * redrawn below them with their elapsed time and last lines of output.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "builder/ui/renderer.h"

#define REDRAW_MS  100
#define LIVE_LINES 6

static unsigned terminal_size(int fd, unsigned *rows)
{
	struct winsize ws = { 0 };

	if (ioctl(fd, TIOCGWINSZ, &ws) < 0 || !ws.ws_col || !ws.ws_row) {
		ws.ws_col = 80;
		ws.ws_row = 24;
	}
	*rows = ws.ws_row;
	return ws.ws_col;
}

/* Printable characters of `text`, at most `width` columns. */
static void append_clipped(struct buf *out, const char *text, unsigned width)
{
	unsigned column = 0;

	for (; *text && column < width; text++) {
		unsigned char c = (unsigned char)*text;
		bool continuation = (c & 0xc0) == 0x80;

		if (c < 0x20 || c == 0x7f)
			c = ' ';
		buf_append_char(out, (char)c);
		if (!continuation)
			column++;
	}
	/* Do not leave a character half-written. */
	for (; (*text & 0xc0) == 0x80; text++)
		buf_append_char(out, *text);
}

/* " => label                       1.2s" over the width of the terminal. */
static void append_row(struct buf *out, const char *mark, const char *label,
		       const char *status, unsigned width)
{
	unsigned side = (unsigned)strlen(mark) + (unsigned)strlen(status) + 1;
	unsigned room = width > side + 8 ? width - side : 8;
	size_t start, used = 0, i;

	buf_append_str(out, mark);
	start = out->len;
	append_clipped(out, label, room);
	for (i = start; i < out->len; i++)
		used += (out->data[i] & 0xc0) != 0x80;
	for (; used < room; used++)
		buf_append_char(out, ' ');
	buf_printf(out, " %s\n", status);
}

static void erase(struct progress *p)
{
	if (p->drawn_rows)
		buf_printf(&p->out, "\033[%uA\r\033[J", p->drawn_rows);
	p->drawn_rows = 0;
}

/* Those on their way; what has ended makes room. */
static unsigned draw_transfers(struct progress *p,
			       const struct progress_step *s, unsigned width,
			       unsigned max_rows)
{
	unsigned rows = 0;

	for (size_t i = 0; i < s->n_transfers && rows < max_rows; i++) {
		const struct transfer *t = &s->transfers[i];
		AUTO(buf_release) struct buf line = BUF_INIT;

		if (t->ended)
			continue;
		buf_printf(&line, "%.19s ", t->what);
		progress_format_transfer(&line, t);
		append_row(&p->out, " => => ", line.data ? line.data : "", "",
			   width);
		rows++;
	}
	return rows;
}

/* Rows of one running step: its line, transfers, the end of its output. */
static unsigned draw_step(struct progress *p, const struct progress_step *s,
			  unsigned width, unsigned max_rows)
{
	size_t n = s->n_lines < LIVE_LINES ? s->n_lines : LIVE_LINES, i;
	char status[32];
	unsigned rows = 1;

	snprintf(status, sizeof(status), "%.1fs",
		 progress_seconds(s->started, progress_clock()));
	append_row(&p->out, " => ", s->label, status, width);
	rows += draw_transfers(p, s, width, max_rows - rows);
	for (i = s->n_lines - n; i < s->n_lines && rows < max_rows; i++) {
		const char *line = s->tail[i % TAIL_LINES];

		append_row(&p->out, " => => # ", line ? line : "", "", width);
		rows++;
	}
	return rows;
}

static void draw(struct progress *p)
{
	unsigned rows, width = terminal_size(p->fd, &rows);
	unsigned begun = 0, done = 0;
	size_t i;

	erase(p);
	for (i = 0; i < p->n_steps; i++) {
		begun += p->steps[i]->state != STEP_WAITING;
		done += p->steps[i]->state == STEP_ENDED;
	}
	buf_printf(&p->out, "[+] Building %.1fs (%u/%u)\n",
		   progress_seconds(p->started, progress_clock()), done, begun);
	p->drawn_rows = 1;
	for (i = 0; i < p->n_steps && p->drawn_rows + 1 < rows; i++)
		if (p->steps[i]->state == STEP_RUNNING)
			p->drawn_rows += draw_step(p, p->steps[i], width,
						   rows - p->drawn_rows - 1);
	progress_flush(p);
}

static void *tick(void *ctx)
{
	struct progress *p = ctx;

	pthread_mutex_lock(&p->lock);
	while (!p->closing) {
		struct timespec until;

		draw(p);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REDRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&p->wake, &p->lock, &until);
	}
	erase(p);
	progress_flush(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Started with the first step; without it only finished steps are shown. */
static void tty_start(struct progress *p, struct progress_step *s)
{
	(void)s;
	if (!p->ticking)
		p->ticking = !pthread_create(&p->ticker, NULL, tick, p);
}

static void tty_message(struct progress *p, struct progress_step *s,
			const char *line)
{
	erase(p);
	buf_printf(&p->out, " => %s: %s\n", s->label, line);
}

static void tty_end(struct progress *p, struct progress_step *s,
		    const char *text)
{
	static const char *const marks[] = {
		[PROGRESS_DONE] = " => ",
		[PROGRESS_CACHED] = " => CACHED ",
		[PROGRESS_CANCELED] = " => CANCELED ",
		[PROGRESS_ERROR] = " => ERROR ",
	};
	unsigned rows, width = terminal_size(p->fd, &rows);
	char status[32];

	(void)text;
	snprintf(status, sizeof(status), "%.1fs",
		 progress_seconds(s->started, s->ended));
	erase(p);
	append_row(&p->out, marks[s->end], s->label, status, width);
}

static void tty_warn(struct progress *p, const char *line)
{
	erase(p);
	buf_printf(&p->out, "WARN: %s\n", line);
}

static void tty_pause(struct progress *p)
{
	erase(p);
	progress_flush(p);
}

static void tty_close(struct progress *p)
{
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (p->ticking)
		pthread_join(p->ticker, NULL);
}

const struct renderer renderer_tty = {
	.start = tty_start,
	.message = tty_message,
	.end = tty_end,
	.warn = tty_warn,
	.close = tty_close,
	.pause = tty_pause,
};
