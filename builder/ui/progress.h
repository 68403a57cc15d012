/*
 * What a build tells its user while it runs: plain lines for logs (the format
 * that CI systems parse from `docker buildx build --progress=plain`), a live
 * display for terminals, or nothing. Thread-safe.
 */
#ifndef BUILDER_UI_PROGRESS_H
#define BUILDER_UI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

enum progress_mode {
	PROGRESS_AUTO, /* live on a terminal, else plain */
	PROGRESS_PLAIN,
	PROGRESS_TTY,
	PROGRESS_QUIET, /* errors only */
};

struct progress;

/* Writes to `fd` (borrowed; stderr). */
int progress_new(enum progress_mode mode, int fd, struct progress **ret,
		 struct error *err);

/* Ends the live display. Accepts NULL. */
void progress_free(struct progress *p);
DEFINE_CLEANUP(struct progress *, progress_free);

/*
 * Announce a step, "[build 2/3] RUN make"; returns its number (from 1). When
 * memory is out 0 is returned, which all calls below accept and ignore.
 */
unsigned progress_add(struct progress *p, const char *label);

/* Transfers and messages start a step, too. */
void progress_start(struct progress *p, unsigned step);

/* Output of a step; cut into lines here, never clipped. */
void progress_output(struct progress *p, unsigned step, const void *data,
		     size_t len);

/* `total` -1: unknown. `note` may be NULL. */
void progress_transfer(struct progress *p, unsigned step, const char *what,
		       int64_t current, int64_t total, const char *note);

/* One line about the step. */
void progress_message(struct progress *p, unsigned step, const char *line);

/*
 * What the processes of a step have used: shown, in plain progress, before its
 * end.
 */
void progress_usage(struct progress *p, unsigned step, uint64_t cpu_us,
		    uint64_t memory_bytes);

enum progress_end {
	PROGRESS_DONE,
	PROGRESS_CACHED,
	PROGRESS_CANCELED,
	PROGRESS_ERROR,
};

/* How a step ends that returned `rc`; `err` counts when that is negative. */
enum progress_end progress_outcome(int rc, const struct error *err);

/* `text` is the error's message, else NULL. */
void progress_end(struct progress *p, unsigned step, enum progress_end how,
		  const char *text);

/* Has the step started, and not ended yet? */
bool progress_is_running(struct progress *p, unsigned step);

/*
 * Leave the terminal to somebody else: nothing is shown, and whoever has
 * something to show waits, until the same thread resumes.
 */
void progress_pause(struct progress *p);
void progress_resume(struct progress *p);

/* A line that belongs to no step. */
void progress_warn(struct progress *p, const char *line);

/*
 * What the first step that ended with PROGRESS_ERROR had put out, to be shown
 * under its error: its label and its last lines (at most `max_lines`). The
 * caller frees; NULL when no step failed with output (or no memory).
 */
char *progress_failure(struct progress *p, unsigned max_lines);

#endif
