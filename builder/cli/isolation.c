#include "builder/cli/isolation.h"

#include <stdlib.h>
#include <string.h>

#include "builder/debug_shell.h"
#include "builder/sandbox/oci_runtime.h"

void isolation_options_release(struct isolation_options *o)
{
	free(o->runtime_path);
	debug_shell_free(o->debug_shell);
}

/*
 * "auto" is the best one there is: our own, as long as no other can do with
 * less. What it needs is tried when the first RUN comes; `shale info` tells.
 */
static const struct {
	const char *name;
	enum sandbox_isolation isolation;
} engines[] = {
	{ "auto", SANDBOX_ISOLATION_NAMESPACES },
	{ "namespaces", SANDBOX_ISOLATION_NAMESPACES },
	{ "oci", SANDBOX_ISOLATION_OCI },
};

static int find_engine(const char *name, enum sandbox_isolation *ret,
		       struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(engines); i++)
		if (!strcmp(engines[i].name, name)) {
			*ret = engines[i].isolation;
			return 0;
		}
	return error_set(err, ERROR_USAGE,
			 "--isolation: there is no engine \"%s\"; use auto, "
			 "namespaces or oci",
			 name);
}

static int apply_on_error(struct isolation_options *o, struct solve_options *so,
			  struct error *err)
{
	if (!o->on_error || !strcmp(o->on_error, "fail"))
		return 0;
	if (strcmp(o->on_error, "shell") != 0)
		return error_set(err, ERROR_USAGE,
				 "--on-error takes fail or shell, not \"%s\"",
				 o->on_error);
	if (debug_shell_new(&o->debug_shell, err) < 0)
		return -1;
	so->debug_shell = o->debug_shell;
	return 0;
}

int isolation_options_apply(struct isolation_options *o,
			    struct solve_options *so, struct error *err)
{
	const char *name =
		o->isolation ? o->isolation : getenv("SHALE_ISOLATION");

	if (apply_on_error(o, so, err) < 0)
		return -1;
	if (find_engine(name && *name ? name : "auto", &so->isolation, err) < 0)
		return -1;
	if (so->isolation != SANDBOX_ISOLATION_OCI)
		return o->runtime ? error_set(err, ERROR_USAGE,
					      "--runtime is for "
					      "--isolation=oci only")
				  : 0;
	if (oci_runtime_find(o->runtime, &o->runtime_path, err) < 0)
		return error_wrap(err, "--isolation=oci");
	so->runtime = o->runtime_path;
	return 0;
}
