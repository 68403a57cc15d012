/*
 * Command-line options as tables. Long options take "--name value" or
 * "--name=value", booleans "--name" or "--name=false"; short ones may be
 * joined ("-tapp"). Options and words may be mixed; "--" ends options.
 */
#ifndef BUILDER_CLI_OPTIONS_H
#define BUILDER_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "store/base/error.h"
#include "store/base/strv.h"

enum option_kind {
	OPTION_BOOL,	     /* bool */
	OPTION_STRING,	     /* const char *, inside argv; the last one wins */
	OPTION_LIST,	     /* struct strv, appended */
	OPTION_IGNORED_BOOL, /* accepted for compatibility, no effect */
	OPTION_IGNORED_STRING,
};

struct option_spec {
	const char *name; /* without dashes */
	char letter;	  /* 0 for none */
	enum option_kind kind;
	void *value;
	const char *placeholder; /* for help; NULL for booleans */
	const char *help;	 /* NULL: not listed */
};

/*
 * Parse argv[1..]. Words go to `words`. ERROR_USAGE names the option and,
 * when one is close, what was meant. `*help` is set by --help and -h.
 */
int options_parse(const struct option_spec *specs, size_t n, int argc,
		  char **argv, struct strv *words, bool *help,
		  struct error *err);

/* What a subcommand takes besides options. */
struct command_usage {
	const char *line;  /* "tag IMAGE NAME", behind "Usage: shale " */
	const char *words; /* what to say when their number is wrong */
	size_t min_words;
	size_t max_words; /* WORDS_ANY: no limit */
};

#define WORDS_ANY SIZE_MAX

/*
 * Parse a subcommand's line, answer --help on stdout, and count the words:
 * 1 to go on, 0 when help was all that was asked for, -1.
 */
int options_command(const struct command_usage *usage,
		    const struct option_spec *specs, size_t n, int argc,
		    char **argv, struct strv *words, struct error *err);

/* One line an option. */
void options_print(FILE *out, const struct option_spec *specs, size_t n);

#endif
