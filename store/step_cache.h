/* Results of build steps, found by their key. */
#ifndef STORE_STEP_CACHE_H
#define STORE_STEP_CACHE_H

#include <jansson.h>

#include "store/batch.h"
#include "store/layer.h"

struct step_record {
	struct layer *layer;
	struct timespec created; /* when the step ran */
	struct digest content;	 /* of what the step read; may be unset */
	json_t *parts;		 /* what went into the key, for --explain */
};

void step_record_release(struct step_record *r);
DEFINE_RELEASE(struct step_record, step_record_release);

/*
 * The record for `key`: 1 when found, 0 when not (also when its layer has
 * gone or the record is damaged: the cache never fails a build), -1.
 */
int step_cache_get(struct batch *b, const struct digest *key,
		   struct step_record *ret, struct error *err);

/* Remember a result; visible to others once the batch is published. */
int step_cache_put(struct batch *b, const struct digest *key,
		   const struct step_record *record, struct error *err);

/*
 * Text that goes with a result, `what` being "files" or the like: for people,
 * never needed. Get gives an empty buffer when there is none.
 */
int step_cache_put_text(struct batch *b, const struct digest *key,
			const char *what, const struct buf *text,
			struct error *err);
void step_cache_get_text(struct batch *b, const struct digest *key,
			 const char *what, struct buf *ret);

/*
 * Visit all records on disk, without their layers; damaged ones are passed
 * over. The callback returns 0, or -1 to end.
 */
int step_cache_each(struct store *s,
		    int (*visit)(void *ctx, const struct digest *key,
				 const struct step_record *record,
				 struct error *err),
		    void *ctx, struct error *err);

#endif
