/*
 * The subcommands. Each gets its own words (argv[0] is its name) and returns
 * an exit status, or -1 with `err` set; main prints the error.
 */
#ifndef BUILDER_CLI_COMMANDS_H
#define BUILDER_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/error.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct error *err);
	const char *summary; /* NULL: not listed */
};

/* NULL when there is no such command. */
const struct command *command_find(const char *name);

/* What `shale --help` prints, to stdout. */
void commands_print_help(void);

/* "unknown command", with a guess when one is close. Returns -1. */
int commands_unknown(const char *name, struct error *err);

int cmd_build(int argc, char **argv, struct error *err);
int cmd_copy(int argc, char **argv, struct error *err);
int cmd_debug(int argc, char **argv, struct error *err);
int cmd_diff(int argc, char **argv, struct error *err);
int cmd_fsck(int argc, char **argv, struct error *err);
int cmd_history(int argc, char **argv, struct error *err);
int cmd_images(int argc, char **argv, struct error *err);
int cmd_info(int argc, char **argv, struct error *err);
int cmd_inspect(int argc, char **argv, struct error *err);
int cmd_load(int argc, char **argv, struct error *err);
int cmd_login(int argc, char **argv, struct error *err);
int cmd_logout(int argc, char **argv, struct error *err);
int cmd_manifest(int argc, char **argv, struct error *err);
int cmd_parse(int argc, char **argv, struct error *err);
int cmd_prune(int argc, char **argv, struct error *err);
int cmd_pull(int argc, char **argv, struct error *err);
int cmd_push(int argc, char **argv, struct error *err);
int cmd_rmi(int argc, char **argv, struct error *err);
int cmd_save(int argc, char **argv, struct error *err);
int cmd_system(int argc, char **argv, struct error *err);
int cmd_tag(int argc, char **argv, struct error *err);
int cmd_version(int argc, char **argv, struct error *err);

#endif
