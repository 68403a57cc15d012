/* Closing what a container must not inherit. */
#ifndef BUILDER_SANDBOX_DESCRIPTORS_H
#define BUILDER_SANDBOX_DESCRIPTORS_H

#include "store/base/error.h"

/*
 * Close every descriptor from `first` to `last`, both included: with
 * close_range(), or before Linux 5.9 one by one as /proc/self/fd has them.
 * -1 with `err` set when neither works.
 */
int descriptors_close(unsigned first, unsigned last, struct error *err);

/* Close everything but 0 to 2 and the `n` of `keep`, which it sorts. */
int descriptors_close_others(int *keep, size_t n, struct error *err);

#endif
