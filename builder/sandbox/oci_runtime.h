/*
 * OCI runtimes: programs that make a container of a bundle. Ours hands them a
 * root that is mounted already, in a mount namespace where no control groups
 * can be made, and limits that hold already.
 */
#ifndef BUILDER_SANDBOX_OCI_RUNTIME_H
#define BUILDER_SANDBOX_OCI_RUNTIME_H

#include <stddef.h>

#include "store/base/error.h"

/* Names of the known runtimes, in the order of preference; NULL ends. */
const char *oci_runtime_name(size_t i);

/* What some runtimes must be told; NULL-terminated lists. */
struct oci_runtime_flags {
	const char *const *global; /* before the command */
	const char *const *create; /* of the command "create" */
};

/* By the name of the program at `path`. */
struct oci_runtime_flags oci_runtime_flags(const char *path);

/*
 * The absolute path of a runtime: `name` is a path, or the name of a program
 * in PATH; NULL takes the first known one there is. The caller frees.
 * ERROR_NOT_FOUND says what to install.
 */
int oci_runtime_find(const char *name, char **ret, struct error *err);

#endif
