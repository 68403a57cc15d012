/* The network namespace of a container. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "builder/sandbox/container.h"
#include "store/base/cleanup.h"

int container_loopback_up(struct container *c, struct error *err)
{
	struct ifreq request = { .ifr_name = "lo",
				 .ifr_flags = IFF_UP | IFF_RUNNING };
	autoclose int fd = -1;

	if (c->sb->network == SANDBOX_NETWORK_HOST)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_sys(err, errno, "cannot open a socket");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_sys(err, errno,
				 "cannot bring the loopback interface up");
	return 0;
}
