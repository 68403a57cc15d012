#include "builder/sandbox/oci_runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/sandbox/find_program.h"
#include "store/base/cleanup.h"

static const char *const nothing[] = { NULL };

/*
 * Control groups are ours to make. A session keyring has been made as well;
 * where quotas forbid one, that is no reason to fail.
 */
static const char *const no_keyring[] = { "--no-new-keyring", NULL };
static const char *const runc_global[] = { "--rootless=true", NULL };
static const char *const crun_global[] = { "--cgroup-manager=disabled", NULL };
static const char *const runsc_global[] = { "--rootless", "--ignore-cgroups",
					    "--network=host", NULL };

/* In the order in which they are looked for. */
static const struct {
	const char *name;
	struct oci_runtime_flags flags;
} known[] = {
	{ "crun", { crun_global, no_keyring } },
	{ "runc", { runc_global, no_keyring } },
	{ "runsc", { runsc_global, nothing } },
};

const char *oci_runtime_name(size_t i)
{
	return i < ARRAY_LEN(known) ? known[i].name : NULL;
}

struct oci_runtime_flags oci_runtime_flags(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strncmp(name, known[i].name, strlen(known[i].name)))
			return known[i].flags;
	return (struct oci_runtime_flags){ nothing, nothing };
}

static int find_any(char **ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		int found = find_program(known[i].name, ret, err);

		if (found)
			return found < 0 ? -1 : 0;
	}
	return error_set(err, ERROR_NOT_FOUND,
			 "no OCI runtime is installed: install runc or crun, "
			 "or name one with --runtime");
}

int oci_runtime_find(const char *name, char **ret, struct error *err)
{
	int found;

	if (!name)
		return find_any(ret, err);
	if (strchr(name, '/')) {
		if (!is_program(name))
			return error_set(err, ERROR_NOT_FOUND,
					 "OCI runtime '%s' is no program that "
					 "can be run",
					 name);
		*ret = realpath(name, NULL);
		return *ret ? 0
			    : error_sys(err, errno, "cannot find '%s'", name);
	}
	found = find_program(name, ret, err);
	if (found)
		return found < 0 ? -1 : 0;
	return error_set(err, ERROR_NOT_FOUND,
			 "OCI runtime '%s' is not in PATH: install it, or give "
			 "its path to --runtime",
			 name);
}
