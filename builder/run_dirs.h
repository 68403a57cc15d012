/* The folders that the container of one RUN works in. */
#ifndef BUILDER_RUN_DIRS_H
#define BUILDER_RUN_DIRS_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/batch.h"
#include "store/view.h"

/* Names in the batch's folder, and the same as absolute paths. */
struct run_dirs {
	struct batch *batch; /* borrowed */
	char *upper;	     /* what the command changes */
	char *work;	     /* the overlay's own */
	char *scratch;	     /* what mounts throw away; NULL: not wanted */
	char *upper_path;
	char *work_path;
	char *scratch_path;
};

/*
 * Make them; the upper one gets the owner and mode that "/" has in `root`.
 * `d` is for run_dirs_release() after failure, too.
 */
int run_dirs_make(struct batch *b, struct view *root, bool with_scratch,
		  struct run_dirs *d, struct error *err);

/*
 * Where the kernel has mounted once, it does not mount again without a sync:
 * replace the work directory, and what mounts have thrown away, by new ones.
 */
int run_dirs_renew(struct run_dirs *d, struct error *err);

void run_dirs_release(struct run_dirs *d);
DEFINE_RELEASE(struct run_dirs, run_dirs_release);

#endif
