/* The network namespace of a container. */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/network_ns.h"

int container_join_network(struct container *c, struct error *err)
{
	const struct sandbox *sb = c->sb;

	if (sb->network == SANDBOX_NETWORK_NONE)
		return network_loopback_up(err);
	if (!sandbox_network_is_pooled(sb->network))
		return 0;
	if (setns(sb->network_fd, CLONE_NEWNET) < 0)
		return error_sys(err, errno, "cannot join a private network");
	close(sb->network_fd);
	return 0;
}
