/*
 * Filters of system calls as an OCI runtime reads them: "linux.seccomp" of
 * its config.json.
 */
#ifndef BUILDER_SANDBOX_OCI_SECCOMP_H
#define BUILDER_SANDBOX_OCI_SECCOMP_H

#include <stdint.h>

#include "store/base/json.h"

/* The default profile for a process with `caps`; NULL: no memory. */
json_t *oci_seccomp_default(uint64_t caps);

/*
 * A profile in docker's format without conditions: the rules that hold here
 * for a process with `caps`, as JSON text. The caller frees.
 */
int oci_seccomp_from_profile(const char *text, size_t len, uint64_t caps,
			     char **ret, struct error *err);

#endif
