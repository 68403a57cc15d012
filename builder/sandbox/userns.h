/*
 * Unprivileged is the first case: as a normal user the whole program enters a
 * user namespace with every subordinate id it may map.
 */
#ifndef BUILDER_SANDBOX_USERNS_H
#define BUILDER_SANDBOX_USERNS_H

#include <stdbool.h>

#include "store/base/error.h"

enum userns_kind {
	USERNS_NONE,   /* we are root with CAP_SYS_ADMIN; nothing was done */
	USERNS_RANGES, /* own id as 0 and subordinate ids from 1 on */
	USERNS_SINGLE, /* only the own id, as 0 */
};

/*
 * Enter a user namespace (and a mount namespace) unless root needs none.
 * newuidmap and newgidmap write the maps where /etc/subuid and /etc/subgid
 * allow; else one id is mapped and `*why` (borrowed, static storage or NULL)
 * says what is missing. Call while single-threaded.
 */
int userns_enter(enum userns_kind *ret, const char **why, struct error *err);

/* Are we in the machine's first user namespace, and not in a made one? */
bool userns_is_initial(void);

#endif
