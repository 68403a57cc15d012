/*
 * A descriptor that a thread waits for with poll() and others make readable.
 * Telling cannot fail, so that nobody is left waiting: it is a timer that is
 * over and not an event descriptor, to which one would have to write.
 */
#ifndef STORE_BASE_WAKE_H
#define STORE_BASE_WAKE_H

#include "store/base/error.h"

/* A descriptor (nonblocking, the caller closes it) nobody has told yet. */
int wake_open(struct error *err);

/* Make it readable, until wake_clear(). Fit for signal handlers. */
void wake_tell(int fd);

/* Wait for the next wake_tell(). */
void wake_clear(int fd);

#endif
