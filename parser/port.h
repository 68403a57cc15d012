/* Port specifications of EXPOSE. */
#ifndef PARSER_PORT_H
#define PARSER_PORT_H

#include "store/base/strv.h"

/*
 * Append what `spec` exposes to `ret` as "80/tcp", one item for each port of
 * a range; a NULL `ret` only judges. Host addresses and ports
 * ("ip:host:container") are checked and dropped. `*mapped` (when not NULL)
 * tells that there were any. ERROR_DOCKERFILE (`invalid port: "x": invalid
 * proto: y`), or ERROR_NOMEM.
 */
int port_spec_parse(const char *spec, struct strv *ret, bool *mapped,
		    struct error *err);

#endif
