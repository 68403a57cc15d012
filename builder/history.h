/*
 * The `created_by` texts of an image's history, as the reference front end
 * writes them: tools compare and parse these, down to Go's way of printing
 * lists, quoted strings and durations. Everything appends to a buffer whose
 * failure sticks.
 */
#ifndef BUILDER_HISTORY_H
#define BUILDER_HISTORY_H

#include <stdint.h>

#include "builder/vars.h"
#include "parser/healthcheck.h"
#include "store/base/buf.h"

/*
 * RUN: `args` are the ARGs declared so far; `env` is what the process sees and
 * wins over them.
 */
void history_run(struct buf *out, const struct vars *args,
		 const struct vars *env, const struct strv *argv);

/* KEYWORD ["a" "b"] */
void history_quoted(struct buf *out, const char *keyword,
		    const struct strv *items);

/* KEYWORD [a b] */
void history_list(struct buf *out, const char *keyword,
		  const struct strv *items);

void history_healthcheck(struct buf *out, const struct strv *test,
			 const struct healthcheck *h);

/* "1m30s", "500ms", "0s" */
void history_duration(struct buf *out, int64_t nanoseconds);

#endif
