/* What a RUN prints, on its way to the progress display. */
#ifndef BUILDER_RUN_OUTPUT_H
#define BUILDER_RUN_OUTPUT_H

#include "builder/ui/progress.h"
#include "store/base/cancel.h"

struct run_output;

/*
 * Make a pipe and a thread that passes on what comes out of it. While it
 * waits, it also hands a trigger of `from` (may be NULL) on to `to`. All
 * borrowed.
 */
int run_output_start(struct progress *p, unsigned step, struct cancel *from,
		     struct cancel *to, struct run_output **ret,
		     struct error *err);

/* The end to write to; borrowed. */
int run_output_fd(const struct run_output *o);

/*
 * To be called when all who were to write have ended: pass on what is left and
 * close the pipe. Whoever else holds that end is not waited for.
 */
void run_output_end(struct run_output *o);
DEFINE_CLEANUP(struct run_output *, run_output_end);

#endif
