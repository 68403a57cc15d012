/* What a HEALTHCHECK instruction says. */
#ifndef PARSER_HEALTHCHECK_H
#define PARSER_HEALTHCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "parser/dockerfile.h"

/* 0 stands for a default that the runtime fills in. */
struct healthcheck {
	bool none; /* HEALTHCHECK NONE; else the command is args[1..] */
	int64_t interval_ns;
	int64_t timeout_ns;
	int64_t start_period_ns;
	int64_t start_interval_ns;
	int32_t retries;
};

/* ERROR_DOCKERFILE for a bad type, command or flag value. */
int healthcheck_parse(const struct instruction *in, struct healthcheck *ret,
		      struct error *err);

#endif
