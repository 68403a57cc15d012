/*
 * Dockerfile bytes to syntax tree. Pure: no files, no network, no globals.
 *
 * dockerfile_parse() judges syntax only (a file may start without FROM,
 * unknown flags are kept); dockerfile_check() judges everything that can be
 * known without building. Both accept any bytes.
 *
 * Follows the Dockerfile reference of docker/dockerfile:1.
 */
#ifndef PARSER_DOCKERFILE_H
#define PARSER_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"

enum instruction_kind {
	INSTR_ADD,
	INSTR_ARG,
	INSTR_CMD,
	INSTR_COPY,
	INSTR_ENTRYPOINT,
	INSTR_ENV,
	INSTR_EXPOSE,
	INSTR_FROM,
	INSTR_HEALTHCHECK,
	INSTR_LABEL,
	INSTR_MAINTAINER,
	INSTR_ONBUILD,
	INSTR_RUN,
	INSTR_SHELL,
	INSTR_STOPSIGNAL,
	INSTR_USER,
	INSTR_VOLUME,
	INSTR_WORKDIR,
};

struct heredoc {
	char *name;    /* the delimiter without quotes */
	char *content; /* raw body; leading tabs still there when `chomp` */
	size_t content_len;
	bool expand; /* the delimiter was not quoted */
	bool chomp;  /* <<- */
	int fd;	     /* the number before <<, 0 for none */
	size_t arg;  /* ADD, COPY: which of the arguments is its marker */
};

/*
 * Arguments by kind:
 *   RUN CMD ENTRYPOINT SHELL          shell form: one string, continuations
 *                                     joined; JSON form: its elements
 *   ADD COPY VOLUME FROM EXPOSE       words, unexpanded
 *   ENV LABEL                         key, value, key, value, ... with their
 *                                     quotes and escapes
 *   ARG                               one "NAME" or "NAME=default" per word
 *   HEALTHCHECK                       type (NONE, CMD), then the command as
 *                                     for CMD (`json` speaks of the command)
 *   MAINTAINER STOPSIGNAL USER        the rest of the line, one string
 *   WORKDIR
 *   ONBUILD                           none; see `onbuild`
 */
struct instruction {
	enum instruction_kind kind;
	char *keyword;	   /* as written, for casing rules */
	char *text;	   /* the whole instruction, continuations joined */
	struct strv flags; /* "--name=value" words, quotes removed */
	struct strv args;
	bool json;	    /* args came from a JSON array */
	bool legacy_pair;   /* ENV or LABEL in the form "KEY rest of line" */
	bool script;	    /* RUN with one heredoc marker and nothing else: the
			       body is the script, or a program when it begins
			       with "#!" */
	int first_line;	    /* from 1; the keyword's line */
	int text_last_line; /* last line without its heredocs */
	int last_line;	    /* last line with its heredocs */
	struct heredoc *heredocs;
	size_t n_heredocs;
	bool empty_continuation; /* a blank line within a continuation */
	struct strv comments;	 /* comment lines directly above, without '#' */
	struct instruction *onbuild; /* the trigger, only for ONBUILD */
};

struct dockerfile {
	char *syntax; /* directive values, NULL when not given */
	char *check;
	char escape; /* '\\' unless the directive says otherwise */
	struct instruction *instructions;
	size_t len;
};

/*
 * Parse `size` bytes. On success `*ret` is a tree for dockerfile_free(). On
 * failure `err` is ERROR_DOCKERFILE with the lines to blame and a message
 * without the file's name, or ERROR_NOMEM. `data` is not kept and need not be
 * NUL-terminated.
 */
int dockerfile_parse(const char *data, size_t size, struct dockerfile **ret,
		     struct error *err);

/*
 * Judge what needs no build: order and count of arguments, flag names and
 * values, stage names, references to stages. ERROR_DOCKERFILE like above.
 */
int dockerfile_check(const struct dockerfile *df, struct error *err);

/*
 * The part of it that concerns one instruction alone, whatever stands around
 * it; no lines are set.
 */
int instruction_check(const struct instruction *in, char escape,
		      struct error *err);

/*
 * Parse one ONBUILD trigger text as found in an image config. The instruction
 * is the only one of the returned tree and is allowed as a trigger; its lines
 * are those of the text, its escape character is a backslash.
 */
int dockerfile_parse_trigger(const char *text, struct dockerfile **ret,
			     struct error *err);

/* The tree as the JSON that `shale parse --json` prints; NULL: no memory. */
json_t *dockerfile_to_json(const struct dockerfile *df);

/* Accepts NULL. */
void dockerfile_free(struct dockerfile *df);
DEFINE_CLEANUP(struct dockerfile *, dockerfile_free);

/* "RUN" for INSTR_RUN. */
const char *instruction_name(enum instruction_kind kind);

/* The heredoc whose marker is argument `arg` of ADD or COPY, or NULL. */
const struct heredoc *instruction_heredoc_of(const struct instruction *in,
					     size_t arg);

/*
 * `first` followed by the bodies and delimiters of the heredocs of `in`, as a
 * shell reads them: what a composed RUN hands to its shell (first = args[0])
 * and what ONBUILD stores (first = text). NULL with ERROR_NOMEM; the caller
 * frees.
 */
char *instruction_with_heredocs(const struct instruction *in, const char *first,
				struct error *err);

/*
 * The body of a heredoc without the leading tabs that <<- removes. Its length
 * in bytes goes to `*len`. NULL with ERROR_NOMEM; the caller frees.
 */
char *heredoc_body(const struct heredoc *doc, size_t *len, struct error *err);

/*
 * Can the name become a file's, which must not lead anywhere else? Else
 * ERROR_DOCKERFILE.
 */
int heredoc_check_name(const struct heredoc *doc, struct error *err);

/*
 * Value of flag `name` (without dashes): NULL when absent, "" for a bare
 * flag. The last one wins; a repeatable flag is read from `flags` itself.
 */
const char *instruction_flag(const struct instruction *in, const char *name);

/*
 * Value of a boolean flag into `*ret` (false when absent). ERROR_DOCKERFILE
 * for a value that is not true or false.
 */
int instruction_flag_bool(const struct instruction *in, const char *name,
			  bool *ret, struct error *err);

/* Invariant for tests and fuzzing: first lines ascend, ranges are sane. */
bool dockerfile_lines_ascend(const struct dockerfile *df);

#endif
