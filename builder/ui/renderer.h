/*
 * How progress is shown. progress.c keeps the state and the lock; a renderer
 * only draws. All calls come with the lock held.
 */
#ifndef BUILDER_UI_RENDERER_H
#define BUILDER_UI_RENDERER_H

#include <pthread.h>
#include <time.h>

#include "builder/ui/progress.h"
#include "store/base/buf.h"
#include "store/base/strv.h"

/* Lines of output kept per step, for the error and the live display. */
#define TAIL_LINES 64

/* Something on its way in or out. */
struct transfer {
	char *what;
	int64_t current, total; /* bytes; -1: unknown */
	struct timespec started;
	char note[192]; /* why nothing moves, or "" */
	bool ended;
};

struct progress_step {
	unsigned number;
	char *label;
	struct timespec started;
	struct timespec ended;
	enum { STEP_WAITING, STEP_RUNNING, STEP_ENDED } state;
	enum progress_end end;
	struct buf partial; /* output since the last newline */
	char *tail[TAIL_LINES];
	size_t n_lines;	 /* ever put out; tail[n % TAIL_LINES] is next */
	uint64_t cpu_us; /* used, when it has run a command */
	uint64_t memory_bytes;
	struct transfer *transfers;
	size_t n_transfers;
};

/* A way to show it; of what has no function, nothing is shown. */
struct renderer {
	void (*start)(struct progress *p, struct progress_step *s);
	void (*line)(struct progress *p, struct progress_step *s,
		     const char *line, size_t len);
	/* `t` has moved or, just now, ended. */
	void (*transfer)(struct progress *p, struct progress_step *s,
			 const struct transfer *t);
	void (*message)(struct progress *p, struct progress_step *s,
			const char *line);
	void (*end)(struct progress *p, struct progress_step *s,
		    const char *text);
	void (*warn)(struct progress *p, const char *line);
	void (*close)(struct progress *p);
	void (*pause)(struct progress *p); /* make room for something else */
};

/* "1.2MB / 3.4MB 0.5s, 2.4MB/s already exists", as far as it is known. */
void progress_format_transfer(struct buf *out, const struct transfer *t);

extern const struct renderer renderer_plain;
extern const struct renderer renderer_tty;

struct progress {
	pthread_mutex_t lock;
	const struct renderer *renderer;
	int fd;
	struct timespec started;
	struct progress_step **steps;
	size_t n_steps;
	unsigned shown; /* plain: step whose block is open, 0 for none */
	struct buf out; /* assembled here, written in one piece */

	/* Live display. */
	unsigned drawn_rows;
	pthread_t ticker;
	pthread_cond_t wake;
	bool ticking;
	bool closing;
};

/* Seconds between two times, or since one. */
double progress_seconds(struct timespec from, struct timespec to);
struct timespec progress_clock(void);

/* Write p->out and empty it. Failures are ignored: nobody is there to tell. */
void progress_flush(struct progress *p);

/* "3.1MB / 9.0MB", as docker prints sizes. */
void progress_format_bytes(struct buf *out, int64_t current, int64_t total);

#endif
