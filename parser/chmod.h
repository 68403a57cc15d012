/* The value of --chmod: an octal mode or a list of symbolic changes. */
#ifndef PARSER_CHMOD_H
#define PARSER_CHMOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/error.h"

struct chmod_change {
	uint16_t who;	  /* permission bits of u, g, o that may change */
	char op;	  /* '+', '-' or '=' */
	uint16_t bits;	  /* permission bits, for all of u, g and o */
	uint16_t copy;	  /* 0700, 0070, 0007: take what u, g, o have */
	bool exec_if_any; /* X */
};

struct chmod_spec {
	bool octal;
	mode_t mode; /* when `octal` */
	struct chmod_change changes[32];
	size_t len;
};

/*
 * Octal 0 to 07777, or a comma-separated list of [ugoa]*[+-=][rwxXstugo]*.
 * ERROR_DOCKERFILE otherwise.
 */
int chmod_parse(const char *text, struct chmod_spec *ret, struct error *err);

/*
 * The permission bits (07777) that a file of `mode` has afterwards. The umask
 * counts as 0; X is for directories and for what has an x bit already.
 */
mode_t chmod_apply(const struct chmod_spec *spec, mode_t mode);

#endif
