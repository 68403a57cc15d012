/* Options about what makes the containers of a build's RUNs. */
#ifndef BUILDER_CLI_ISOLATION_H
#define BUILDER_CLI_ISOLATION_H

#include "builder/cli/options.h"
#include "builder/solve.h"

struct isolation_options {
	const char *isolation; /* NULL: by SHALE_ISOLATION, else auto */
	const char *runtime;
	const char *on_error;
	/* Made by isolation_options_apply(). */
	char *runtime_path;
	struct debug_shell *debug_shell;
};

#define ISOLATION_OPTIONS(o)                                                   \
	{                                                                      \
		"on-error",    0,                                              \
		OPTION_STRING, &(o).on_error,                                  \
		"WHAT",	       "fail, or shell: open one where a RUN failed"   \
	},                                                                     \
		{ "isolation",                                                 \
		  0,                                                           \
		  OPTION_STRING,                                               \
		  &(o).isolation,                                              \
		  "ENGINE",                                                    \
		  "auto, namespaces or oci (default: SHALE_ISOLATION, or "     \
		  "auto)" },                                                   \
	{                                                                      \
		"runtime", 0, OPTION_STRING, &(o).runtime, "NAME|PATH",        \
			"OCI runtime of --isolation=oci: runc, crun, runsc "   \
			"or "                                                  \
			"another one (default: the first that is installed)"   \
	}

void isolation_options_release(struct isolation_options *o);

/*
 * Fill what `so` says about these, borrowing from `o`. ERROR_USAGE for an
 * engine that does not exist, ERROR_NOT_FOUND for a runtime that is not there.
 */
int isolation_options_apply(struct isolation_options *o,
			    struct solve_options *so, struct error *err);

#endif
