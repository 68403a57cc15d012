/* Which networks a container can have here. */
#ifndef BUILDER_SANDBOX_NETWORK_H
#define BUILDER_SANDBOX_NETWORK_H

#include <stdbool.h>

/*
 * Can SANDBOX_NETWORK_PRIVATE be had? When not, `*why` (static storage) says
 * what is missing.
 */
bool sandbox_network_private_available(const char **why);

#endif
