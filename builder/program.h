/* Running a program of the user's machine and reading what it says. */
#ifndef BUILDER_PROGRAM_H
#define BUILDER_PROGRAM_H

#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/cancel.h"
#include "store/base/strv.h"

struct program {
	const char *name;	 /* for messages */
	const struct strv *argv; /* argv[0] is looked up in PATH */
	const struct strv *env;	 /* all of its environment */
	int dir;		 /* where it starts; borrowed */
	size_t output_max;	 /* bytes; more is ERROR_REFUSED */
	/*
	 * How the line of its stderr begins that says what went wrong, after
	 * one with details; NULL: the last line does.
	 */
	const char *failure_mark;
	/* Nothing on stdout or stderr for so long is a stall; 0: never. */
	int64_t stall_ms;
	const struct cancel *cancel;
};

/*
 * Run it to its end, with nothing on its stdin, in a process group of its own
 * that is killed when we stop waiting. Its stdout is appended to `output`
 * (NULL: dropped). An exit status other than 0 is ERROR_COMMAND with what its
 * stderr says about it, made printable. ERROR_NOT_FOUND when there is no such
 * program, also when a shell says so by the status 127; ERROR_NETWORK for a
 * stall.
 */
int program_run(const struct program *p, struct buf *output, struct error *err);

#endif
