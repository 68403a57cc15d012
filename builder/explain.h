/* Why a step had to be run: what differs from the nearest remembered result. */
#ifndef BUILDER_EXPLAIN_H
#define BUILDER_EXPLAIN_H

#include <jansson.h>

#include "store/base/buf.h"
#include "store/batch.h"

/* A step that has no result in the cache that counts. */
struct explain_step {
	const char *label;
	bool no_cache;	       /* nobody looked for one */
	bool rests_on_another; /* the key is known, its parent was made anew */
	const json_t *parts;   /* of its key; see step_key() */
	struct timespec began; /* of the build: later results are its own */
	const struct buf *files; /* what it read; see file_listing.h */
};

/* Append the label and, indented below it, the reasons. */
int explain_step(struct batch *b, const struct explain_step *step,
		 struct buf *ret, struct error *err);

#endif
