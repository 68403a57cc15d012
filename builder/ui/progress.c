#include "builder/ui/progress.h"

#include <string.h>
#include <unistd.h>

#include "builder/ui/renderer.h"

/* A line without an end is shown in pieces of this many bytes. */
#define PARTIAL_MAX ((size_t)64 << 10)

/* Results and errors are printed elsewhere. */
static const struct renderer renderer_quiet = { 0 };

static const struct renderer *choose_renderer(enum progress_mode mode, int fd)
{
	if (mode == PROGRESS_AUTO)
		mode = isatty(fd) ? PROGRESS_TTY : PROGRESS_PLAIN;
	if (mode == PROGRESS_TTY)
		return &renderer_tty;
	return mode == PROGRESS_PLAIN ? &renderer_plain : &renderer_quiet;
}

int progress_new(enum progress_mode mode, int fd, struct progress **ret,
		 struct error *err)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (!p)
		return error_nomem(err, "preparing the progress display");
	p->renderer = choose_renderer(mode, fd);
	p->fd = fd;
	p->started = progress_clock();
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	*ret = p;
	return 0;
}

static void free_step(struct progress_step *s)
{
	size_t i;

	for (i = 0; i < TAIL_LINES; i++)
		free(s->tail[i]);
	free(s->label);
	for (i = 0; i < s->n_transfers; i++)
		free(s->transfers[i].what);
	free(s->transfers);
	buf_release(&s->partial);
	free(s);
}

void progress_free(struct progress *p)
{
	size_t i;

	if (!p)
		return;
	if (p->renderer->close)
		p->renderer->close(p);
	for (i = 0; i < p->n_steps; i++)
		free_step(p->steps[i]);
	free(p->steps);
	buf_release(&p->out);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* A step with its label made fit for one line. */
static struct progress_step *make_step(const char *label)
{
	struct progress_step *s = calloc(1, sizeof(*s));
	char *c;

	if (!s)
		return NULL;
	s->label = strdup(label);
	if (!s->label) {
		free(s);
		return NULL;
	}
	for (c = s->label; *c; c++)
		if (*c == '\n' || *c == '\r' || *c == '\t')
			*c = ' ';
	return s;
}

unsigned progress_add(struct progress *p, const char *label)
{
	struct progress_step *s = make_step(label);
	struct progress_step **steps;

	if (!s)
		return 0;
	pthread_mutex_lock(&p->lock);
	steps = realloc(p->steps, (p->n_steps + 1) * sizeof(*steps));
	if (steps) {
		p->steps = steps;
		p->steps[p->n_steps++] = s;
		s->number = (unsigned)p->n_steps;
	}
	pthread_mutex_unlock(&p->lock);
	if (!steps) {
		free_step(s);
		return 0;
	}
	return s->number;
}

/* Lock and find; NULL (unlocked) for the number 0. */
static struct progress_step *enter(struct progress *p, unsigned step)
{
	if (!step)
		return NULL;
	pthread_mutex_lock(&p->lock);
	return p->steps[step - 1];
}

static void leave(struct progress *p)
{
	progress_flush(p);
	pthread_mutex_unlock(&p->lock);
}

/* A step starts once, when it is told to or shows first signs of life. */
static void begin(struct progress *p, struct progress_step *s)
{
	if (s->state != STEP_WAITING)
		return;
	s->state = STEP_RUNNING;
	s->started = progress_clock();
	if (p->renderer->start)
		p->renderer->start(p, s);
}

void progress_start(struct progress *p, unsigned step)
{
	struct progress_step *s = enter(p, step);

	if (!s)
		return;
	begin(p, s);
	leave(p);
}

static void put_line(struct progress *p, struct progress_step *s,
		     const char *line, size_t len)
{
	char **slot = &s->tail[s->n_lines % TAIL_LINES];

	if (len && line[len - 1] == '\r')
		len--;
	free(*slot);
	*slot = strndup(line, len);
	s->n_lines++;
	if (p->renderer->line)
		p->renderer->line(p, s, line, len);
}

static void flush_partial(struct progress *p, struct progress_step *s)
{
	if (!s->partial.len)
		return;
	put_line(p, s, s->partial.data, s->partial.len);
	buf_clear(&s->partial);
}

void progress_output(struct progress *p, unsigned step, const void *data,
		     size_t len)
{
	struct progress_step *s = enter(p, step);
	const char *at = data, *end = at + len;

	if (!s)
		return;
	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		const char *stop = eol ? eol : end;

		buf_append(&s->partial, at, (size_t)(stop - at));
		if (s->partial.failed)
			buf_clear(&s->partial);
		if (eol && !s->partial.len)
			put_line(p, s, "", 0);
		else if (eol || s->partial.len > PARTIAL_MAX)
			flush_partial(p, s);
		at = eol ? eol + 1 : end;
	}
	leave(p);
}

/* The transfer of that name, made on first sight; NULL: no memory. */
static struct transfer *find_transfer(struct progress_step *s, const char *what)
{
	struct transfer *t;

	for (size_t i = 0; i < s->n_transfers; i++)
		if (!strcmp(s->transfers[i].what, what))
			return &s->transfers[i];
	t = realloc(s->transfers, (s->n_transfers + 1) * sizeof(*t));
	if (!t)
		return NULL;
	s->transfers = t;
	t += s->n_transfers;
	*t = (struct transfer){ .what = strdup(what),
				.started = progress_clock() };
	if (!t->what)
		return NULL;
	s->n_transfers++;
	return t;
}

/* False when it was over before. One that begins again is a new one. */
static bool update_transfer(struct transfer *t, int64_t current, int64_t total,
			    const char *note)
{
	if (current < t->current) {
		t->started = progress_clock();
		t->ended = false;
	}
	if (t->ended)
		return false;
	t->current = current;
	t->total = total;
	snprintf(t->note, sizeof(t->note), "%s", note ? note : "");
	t->ended = note || (total >= 0 && current >= total);
	return true;
}

void progress_transfer(struct progress *p, unsigned step, const char *what,
		       int64_t current, int64_t total, const char *note)
{
	struct progress_step *s = enter(p, step);
	struct transfer *t;

	if (!s)
		return;
	begin(p, s);
	t = find_transfer(s, what);
	if (t && update_transfer(t, current, total, note) &&
	    p->renderer->transfer)
		p->renderer->transfer(p, s, t);
	leave(p);
}

void progress_message(struct progress *p, unsigned step, const char *line)
{
	struct progress_step *s = enter(p, step);

	if (!s)
		return;
	begin(p, s);
	if (p->renderer->message)
		p->renderer->message(p, s, line);
	leave(p);
}

void progress_usage(struct progress *p, unsigned step, uint64_t cpu_us,
		    uint64_t memory_bytes)
{
	struct progress_step *s = enter(p, step);

	if (!s)
		return;
	s->cpu_us = cpu_us;
	s->memory_bytes = memory_bytes;
	leave(p);
}

enum progress_end progress_outcome(int rc, const struct error *err)
{
	if (rc >= 0)
		return PROGRESS_DONE;
	return err->kind == ERROR_CANCELED ? PROGRESS_CANCELED : PROGRESS_ERROR;
}

void progress_end(struct progress *p, unsigned step, enum progress_end how,
		  const char *text)
{
	struct progress_step *s = enter(p, step);

	if (!s)
		return;
	flush_partial(p, s);
	s->ended = progress_clock();
	if (s->state == STEP_WAITING)
		s->started = s->ended;
	s->state = STEP_ENDED;
	s->end = how;
	if (p->renderer->end)
		p->renderer->end(p, s, text);
	leave(p);
}

bool progress_is_running(struct progress *p, unsigned step)
{
	struct progress_step *s = enter(p, step);
	bool running;

	if (!s)
		return false;
	running = s->state == STEP_RUNNING;
	leave(p);
	return running;
}

void progress_warn(struct progress *p, const char *line)
{
	pthread_mutex_lock(&p->lock);
	if (p->renderer->warn)
		p->renderer->warn(p, line);
	leave(p);
}

static const struct progress_step *first_failed(const struct progress *p)
{
	size_t i;

	for (i = 0; i < p->n_steps; i++)
		if (p->steps[i]->state == STEP_ENDED &&
		    p->steps[i]->end == PROGRESS_ERROR && p->steps[i]->n_lines)
			return p->steps[i];
	return NULL;
}

static char *format_tail(const struct progress_step *s, size_t max_lines)
{
	struct buf text = BUF_INIT;
	size_t n = s->n_lines < TAIL_LINES ? s->n_lines : TAIL_LINES, i;

	if (n > max_lines)
		n = max_lines;
	buf_printf(&text, "------\n > %s:\n", s->label);
	for (i = s->n_lines - n; i < s->n_lines; i++) {
		const char *line = s->tail[i % TAIL_LINES];

		buf_printf(&text, "%s\n", line ? line : "");
	}
	buf_append_str(&text, "------\n");
	return buf_steal(&text);
}

char *progress_failure(struct progress *p, unsigned max_lines)
{
	const struct progress_step *s;
	char *text = NULL;

	pthread_mutex_lock(&p->lock);
	s = first_failed(p);
	if (s)
		text = format_tail(s, max_lines);
	pthread_mutex_unlock(&p->lock);
	return text;
}

void progress_pause(struct progress *p)
{
	pthread_mutex_lock(&p->lock);
	if (p->renderer->pause)
		p->renderer->pause(p);
}

void progress_resume(struct progress *p)
{
	pthread_mutex_unlock(&p->lock);
}
