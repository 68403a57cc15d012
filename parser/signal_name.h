/* Signals as STOPSIGNAL names them. */
#ifndef PARSER_SIGNAL_NAME_H
#define PARSER_SIGNAL_NAME_H

/*
 * Number of "SIGTERM", "TERM", "RTMIN+3", "RTMAX-1" (any case) or "15"; -1
 * when it names no signal of Linux.
 */
int signal_name_parse(const char *text);

#endif
