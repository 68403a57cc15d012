/* `shale build --verify`: does building again give the same image? */
#ifndef BUILDER_CLI_VERIFY_H
#define BUILDER_CLI_VERIFY_H

#include "builder/build.h"

/*
 * Build once more, every step anew, into a batch of its own that is dropped,
 * and compare with `image`: 0 when they are the same. What differs first is an
 * error of kind ERROR_INTEGRITY. `report` is as for build_run().
 */
int verify_build(const struct build_options *options,
		 const struct build_env *env, struct image *image,
		 struct buf *report, struct error *err);

#endif
