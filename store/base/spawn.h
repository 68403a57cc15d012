/* What programs that are run to help with something start with. */
#ifndef STORE_BASE_SPAWN_H
#define STORE_BASE_SPAWN_H

#include <spawn.h>

/*
 * A process group of its own, so that all of it can be killed, and default
 * signals whatever this program ignores. An errno value, 0 for success; then
 * posix_spawnattr_destroy() is the caller's.
 */
int spawn_attributes(posix_spawnattr_t *attr);

#endif
