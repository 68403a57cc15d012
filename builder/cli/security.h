/* Options about a RUN's rights, devices, host name and resolver. */
#ifndef BUILDER_CLI_SECURITY_H
#define BUILDER_CLI_SECURITY_H

#include "builder/cli/options.h"
#include "builder/sandbox/seccomp.h"
#include "builder/solve.h"

struct security_options {
	const char *hostname;
	struct strv cap_add, cap_drop, security, devices;
	struct strv dns, dns_search, dns_options;
	/* Made by security_options_apply(). */
	struct seccomp_program seccomp;
	char *seccomp_rules;
	struct sandbox_mount *mounts;
	struct strv targets;
	size_t n_mounts;
};

#define SECURITY_OPTIONS(o)                                                        \
	{ "cap-add",	0,                                                         \
	  OPTION_LIST,	&(o).cap_add,                                              \
	  "CAPABILITY", "give a RUN this capability, or ALL" },                    \
		{ "cap-drop",	0,                                                 \
		  OPTION_LIST,	&(o).cap_drop,                                     \
		  "CAPABILITY", "take it away, or ALL" },                          \
		{ "security-opt",                                                  \
		  0,                                                               \
		  OPTION_LIST,                                                     \
		  &(o).security,                                                   \
		  "OPT",                                                           \
		  "seccomp=FILE|unconfined, no-new-privileges, "                   \
		  "apparmor=PROFILE, label=disable" },                             \
		{ "device",	 0,                                                \
		  OPTION_LIST,	 &(o).devices,                                     \
		  "PATH[:PATH]", "device that a RUN may use" },                    \
		{ "hostname",	 0,	 OPTION_STRING,                            \
		  &(o).hostname, "NAME", "host name of a RUN" },                   \
		{ "dns", 0, OPTION_LIST, &(o).dns, "IP", "name server of a RUN" }, \
		{ "dns-search",	   0,	     OPTION_LIST,                          \
		  &(o).dns_search, "DOMAIN", "search domain of a RUN" },           \
	{                                                                          \
		"dns-option", 0, OPTION_LIST, &(o).dns_options, "OPTION",          \
			"resolver option of a RUN"                                 \
	}

void security_options_release(struct security_options *o);

/*
 * Fill what `so` says about these, borrowing from `o`. Reads the profile and
 * opens the devices. ERROR_USAGE names the option and its value.
 */
int security_options_apply(struct security_options *o, struct solve_options *so,
			   struct error *err);

#endif
