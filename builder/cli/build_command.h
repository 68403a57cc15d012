/*
 * The command line of `shale build`: its words, and what they ask for.
 */
#ifndef BUILDER_CLI_BUILD_COMMAND_H
#define BUILDER_CLI_BUILD_COMMAND_H

#include <stdbool.h>

#include "builder/build.h"
#include "builder/cli/cache_option.h"
#include "builder/cli/isolation.h"
#include "builder/cli/limits.h"
#include "builder/cli/output.h"
#include "builder/cli/security.h"
#include "builder/cli/session.h"

/* The command line of one build. */
struct build_command {
	struct session_options session;
	struct build_input_options input;
	char *context;
	struct limit_options limits;
	struct security_options security;
	struct isolation_options isolation;
	const char *target, *platform, *network, *iidfile, *metadata_file;
	const char *call_text;
	const char *call_format;
	enum build_call call; /* --call or --check */
	bool call_json;
	bool check;
	const char *epoch, *timestamp;
	bool rewrite_timestamp, verify;
	bool push, load, pull, no_cache, quiet, explain;
	struct strv tags, build_args, build_contexts, labels, outputs, allow;
	struct strv no_cache_stages, add_hosts, secrets, ssh;
	struct strv names; /* full references of `tags` and name= */
	struct buf explanation;
	struct strv cache_from_texts, cache_to_texts;
	struct strv mount_from_texts, mount_to_texts;
	struct cache_options cache_from, cache_to, mount_from, mount_to;
	struct strv insecure_hosts;
	struct cache_entries cache;
	struct output *parsed;
	size_t n_parsed;
};

void build_command_release(struct build_command *c);
DEFINE_RELEASE(struct build_command, build_command_release);

/*
 * Read the words of the command line into `c`, zeroed, and check them. `ret`
 * gets the build they describe, which points into `c`. 1; 0 when help was
 * printed and there is nothing to do; -1 with `err` set.
 */
int build_command_parse(struct build_command *c, int argc, char **argv,
			struct build_options *ret, struct error *err);

#endif
