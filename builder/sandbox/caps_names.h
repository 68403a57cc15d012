/* Capabilities by name, as in --cap-add and seccomp profiles. */
#ifndef BUILDER_SANDBOX_CAPS_NAMES_H
#define BUILDER_SANDBOX_CAPS_NAMES_H

/* "CAP_NET_ADMIN", "net_admin": its number, or -1. */
int caps_number(const char *name);

#endif
