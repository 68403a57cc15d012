/* Signals as STOPSIGNAL names them. */
#ifndef PARSER_SIGNAL_NAME_H
#define PARSER_SIGNAL_NAME_H

#include "store/base/error.h"

/*
 * Number of "SIGTERM", "TERM", "RTMIN+3", "RTMAX-1" (any case) or "15"; -1
 * when it names no signal of Linux.
 */
int signal_name_parse(const char *text);

/* The same as a judgement: 0, or -1 with ERROR_DOCKERFILE. */
int signal_name_check(const char *text, struct error *err);

#endif
