#include "store/base/spawn.h"

#include <signal.h>

int spawn_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int failed = posix_spawnattr_init(attr);

	if (failed)
		return failed;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP |
					       POSIX_SPAWN_SETSIGMASK |
					       POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(attr, 0);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	return 0;
}
