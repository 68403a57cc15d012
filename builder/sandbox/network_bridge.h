/*
 * A network that the host routes, for root: a pair of virtual devices, one end
 * in the namespace, and address translation by the kernel. All of it belongs
 * to the process that made it: the devices end with the namespace, the rules
 * with the socket they were made through. Nothing is left to clean up, however
 * that process ends.
 */
#ifndef BUILDER_SANDBOX_NETWORK_BRIDGE_H
#define BUILDER_SANDBOX_NETWORK_BRIDGE_H

#include "store/base/error.h"

/*
 * Connect the namespace `ns`, and move into it: call in a process that has
 * nothing else to do. Returns the socket that keeps the rules.
 */
int network_bridge_make(int ns, struct error *err);

#endif
