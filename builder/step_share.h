/*
 * Steps shared with other builds in the store: the same step is run once at a
 * time, and who comes second waits for the first one's result.
 *
 * A step's key is locked from before it runs until its result is published, by
 * a file in the store's tmp/ whose lock dies with its owner. Publishing costs
 * flushes, so it is put off; but who finds a lock taken rings the owner's bell,
 * a pipe in its batch's folder, and then what is finished is published and its
 * locks are let go. (inotify would tell as well, but closing its descriptor
 * takes milliseconds.)
 *
 * Two builds never wait for each other for good: a step that runs waits for no
 * other key, and the locks of finished steps are let go by a thread that waits
 * for nothing.
 */
#ifndef BUILDER_STEP_SHARE_H
#define BUILDER_STEP_SHARE_H

#include <stdbool.h>

#include "store/base/cancel.h"
#include "store/batch.h"
#include "store/digest.h"

struct step_share;

/*
 * `cancel` (the user's; may be NULL) ends all waiting. With `publishes` false
 * nothing is locked, nor published. All is borrowed.
 */
int step_share_new(struct batch *b, struct cancel *cancel, bool publishes,
		   struct step_share **ret, struct error *err);

/* Lets go of all locks: what is to be seen by others has been published. */
void step_share_free(struct step_share *s);
DEFINE_CLEANUP(struct step_share *, step_share_free);

/*
 * Have `follower`, the token of one solve, triggered when the user's is. -1
 * with ERROR_CANCELED when it is already.
 */
int step_share_follow(struct step_share *s, struct cancel *follower,
		      struct error *err);
void step_share_unfollow(struct step_share *s);

struct step_claim;

/*
 * Lock `key`, waiting until `cancel` triggers; `waits(ctx)` is called when
 * another build has it. The result may be known once this returns: look again.
 * `*ret` is NULL when nothing is shared.
 */
int step_share_claim(struct step_share *s, const struct digest *key,
		     const struct cancel *cancel, void (*waits)(void *ctx),
		     void *ctx, struct step_claim **ret, struct error *err);

/* The step was not run, or failed: the next one may. Accepts NULL. */
void step_claim_drop(struct step_claim *c);

/*
 * The result and its records are in the batch: they are published five seconds
 * from now, or when somebody waits, unless the batch was before. Accepts NULL.
 */
void step_claim_finish(struct step_claim *c);

#endif
