/*
 * Plain progress: one block of lines a step, "#5 0.412 text", in the form
 * that CI systems parse.
 */
#include <string.h>

#include "builder/ui/renderer.h"

/* Open the step's block, leaving another one's. */
static void show(struct progress *p, struct progress_step *s)
{
	if (p->shown == s->number)
		return;
	if (p->shown && p->steps[p->shown - 1]->state != STEP_ENDED)
		buf_printf(&p->out, "#%u ...\n", p->shown);
	if (p->shown)
		buf_append_char(&p->out, '\n');
	buf_printf(&p->out, "#%u %s\n", s->number, s->label);
	p->shown = s->number;
}

static void plain_start(struct progress *p, struct progress_step *s)
{
	/* A step that says nothing yet must not interrupt one that talks. */
	if (!p->shown || p->steps[p->shown - 1]->state == STEP_ENDED)
		show(p, s);
}

static void plain_line(struct progress *p, struct progress_step *s,
		       const char *line, size_t len)
{
	show(p, s);
	buf_printf(&p->out, "#%u %.3f ", s->number,
		   progress_seconds(s->started, progress_clock()));
	buf_append(&p->out, line, len);
	buf_append_char(&p->out, '\n');
}

/* Told of when they end, not every few kilobytes. */
static void plain_transfer(struct progress *p, struct progress_step *s,
			   const struct transfer *t)
{
	if (!t->ended)
		return;
	show(p, s);
	buf_printf(&p->out, "#%u %s ", s->number, t->what);
	progress_format_transfer(&p->out, t);
	buf_append_char(&p->out, '\n');
}

static void plain_message(struct progress *p, struct progress_step *s,
			  const char *line)
{
	show(p, s);
	buf_printf(&p->out, "#%u %s\n", s->number, line);
}

static void plain_end(struct progress *p, struct progress_step *s,
		      const char *text)
{
	show(p, s);
	if (s->memory_bytes) {
		buf_printf(&p->out, "#%u CPU %.2fs, memory ", s->number,
			   (double)s->cpu_us / 1e6);
		progress_format_bytes(&p->out, (int64_t)s->memory_bytes, -1);
		buf_append_char(&p->out, '\n');
	}
	switch (s->end) {
	case PROGRESS_DONE:
		buf_printf(&p->out, "#%u DONE %.1fs\n", s->number,
			   progress_seconds(s->started, s->ended));
		break;
	case PROGRESS_CACHED:
		buf_printf(&p->out, "#%u CACHED\n", s->number);
		break;
	case PROGRESS_CANCELED:
		buf_printf(&p->out, "#%u CANCELED\n", s->number);
		break;
	case PROGRESS_ERROR:
		buf_printf(&p->out, "#%u ERROR: %s\n", s->number,
			   text ? text : "failed");
		break;
	}
}

static void plain_warn(struct progress *p, const char *line)
{
	if (p->shown && p->steps[p->shown - 1]->state != STEP_ENDED)
		buf_printf(&p->out, "#%u ...\n", p->shown);
	if (p->shown)
		buf_append_char(&p->out, '\n');
	p->shown = 0;
	buf_printf(&p->out, "WARN: %s\n", line);
}

static void plain_close(struct progress *p)
{
	if (p->shown)
		buf_append_char(&p->out, '\n');
	progress_flush(p);
}

const struct renderer renderer_plain = {
	.start = plain_start,
	.line = plain_line,
	.transfer = plain_transfer,
	.message = plain_message,
	.end = plain_end,
	.warn = plain_warn,
	.close = plain_close,
};
