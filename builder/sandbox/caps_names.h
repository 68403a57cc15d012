/* Capabilities by name, as in --cap-add and seccomp profiles. */
#ifndef BUILDER_SANDBOX_CAPS_NAMES_H
#define BUILDER_SANDBOX_CAPS_NAMES_H

/* "CAP_NET_ADMIN", "net_admin": its number, or -1. */
int caps_number(const char *name);

/* "net_admin"; NULL for a number that has no name here. */
const char *caps_name(int number);

#endif
