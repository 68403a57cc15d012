/*
 * Programs that connect a network namespace with the outside by sockets of
 * their own, and need no rights outside: pasta and slirp4netns.
 */
#ifndef BUILDER_SANDBOX_NETWORK_PROGRAM_H
#define BUILDER_SANDBOX_NETWORK_PROGRAM_H

#include <stddef.h>

#include "store/base/error.h"

/*
 * What a container sees through either of them: an address of its own, so
 * that those of the host are the host.
 */
#define NETWORK_ADDRESS	   "10.213.87.100"
#define NETWORK_GATEWAY	   "10.213.87.2"
#define NETWORK_PREFIX_LEN "24"
#define NETWORK_SUBNET	   "10.213.87.0/" NETWORK_PREFIX_LEN

#define NETWORK_PROGRAMS 2

/* In the order of preference. */
const char *network_program_name(size_t i);

/*
 * Start the program at `path` for the namespace that is mounted on the file
 * `ns`. Returns 0 once the
 * network can be used; the program runs on, as a child or grandchild. On
 * failure the error has the reason it gave.
 */
int network_program_start(size_t i, const char *path, const char *ns,
			  struct error *err);

#endif
