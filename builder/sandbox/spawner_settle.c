#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/descriptors.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/seccomp.h"
#include "builder/sandbox/spawner_internal.h"
#include "builder/sandbox/userns.h"
#include "store/base/confined.h"
#include "store/base/idmap.h"

void spawner_find_engine(struct engine *e, struct error *err)
{
	struct error ignored = ERROR_INIT;
	autoclose int probe = confined_open(AT_FDCWD, "/", O_PATH, 0, &ignored);
	struct stat own = { 0 };

	if (stat("/proc/self/exe", &own) < 0)
		error_sys(&ignored, errno, "no /proc");
	e->own_dev = own.st_dev;
	e->own_ino = own.st_ino;
	e->is_initial_userns = userns_is_initial();
	e->legacy_mounts = !mount_api_works();
	e->single_id = idmap_is_single();
	e->permitted = caps_permitted();
	seccomp_cache_new(CAPS_DEFAULT & e->permitted, &e->seccomp, err);
}

/*
 * /proc/PID/environ and cmdline of a container's first process are our own
 * memory: nothing of the builder's environment or arguments may be read
 * there. The kernel tells where they lie (fields 48 to 51 of stat).
 */
static void forget_environment(void)
{
	char text[2048];
	unsigned long from[4] = { 0 };
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *at;

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	at = strrchr(text, ')'); /* ends field 2 */
	for (int field = 2; at && field < 48; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%lu %lu %lu %lu", &from[0], &from[1], &from[2],
			  &from[3]) != 4)
		return;
	clearenv();
	memset((void *)from[0], 0, from[1] - from[0]);
	memset((void *)from[2], 0, from[3] - from[2]);
}

/*
 * By the raw call: libc keeps 32 and 33 to itself, and posix_spawn(), which
 * make uses, leaves them ignored. Zeros are SIG_DFL in the kernel's form.
 */
static void reset_signals(void)
{
	static const unsigned long dfl[8];
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, NSIG / 8);
}

int spawner_settle(int socket, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	reset_signals();
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "shale-init");
	forget_environment();
	/* Messages of a crash still go to stderr; the rest is not ours. */
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (dup3(socket, 3, O_CLOEXEC) == 3)
		socket = 3;
	descriptors_close(4, ~0U, err);
	if (chdir("/") < 0)
		error_sys(err, errno, "cannot enter /");
	return socket;
}
