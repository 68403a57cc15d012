#include "store/base/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int wake_open(struct error *err)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	return fd < 0 ? error_sys(err, errno, "cannot make a timer") : fd;
}

void wake_tell(int fd)
{
	const struct itimerspec now = { .it_value.tv_nsec = 1 };
	int saved = errno;

	timerfd_settime(fd, 0, &now, NULL);
	errno = saved;
}

void wake_clear(int fd)
{
	uint64_t count;

	/* Nothing to read: it has been cleared already. */
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}
