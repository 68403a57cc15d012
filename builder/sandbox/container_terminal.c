/*
 * A terminal of the container's own: a pty of its own devpts, whose master
 * goes out over the socket that stands for its output. Nothing in there has a
 * descriptor of the user's terminal, so nothing can be pushed into its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/pass_fd.h"
#include "store/base/cleanup.h"

#define CONSOLE_SOCKET "console"

/* A file for the terminal to be mounted on. */
static int make_console(const struct container *c, struct error *err)
{
	int fd = openat(c->dev, "console",
			O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(err, errno, "cannot make /dev/console");
	close(fd);
	return 0;
}

/* The only terminal there is so far, as /dev/console. */
static int provide_console(const struct container *c, struct error *err)
{
	const struct mount_target target = { .root = c->dev,
					     .path = "console" };

	if (make_console(c, err) < 0)
		return -1;
	return mount_bind(c->engine->legacy_mounts, c->dev, "pts/0", 0, false,
			  &target, err);
}

int container_open_terminal(struct container *c, struct error *err)
{
	autoclose int master = -1;
	int unlocked = 0;

	if (!c->sb->terminal)
		return 0;
	master = openat(c->dev, "pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return error_sys(err, errno, "cannot make a terminal");
	c->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->terminal < 0)
		return error_sys(err, errno, "cannot open the terminal");
	if (c->sb->user.uid &&
	    fchown(c->terminal, c->sb->user.uid, (gid_t)-1) < 0)
		return error_sys(err, errno, "cannot give the terminal away");
	if (provide_console(c, err) < 0)
		return -1;
	return pass_fd_send(c->fds.output, master, err);
}

/* In its folder, where the runtime is started: the name is short. */
int oci_listen_console(struct container *c, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!c->sb->terminal)
		return 0;
	if (make_console(c, err) < 0)
		return -1;
	c->terminal = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/" CONSOLE_SOCKET, c->own);
	if (c->terminal < 0 ||
	    bind(c->terminal, (struct sockaddr *)&address, sizeof(address)) <
		    0 ||
	    listen(c->terminal, 1) < 0)
		return error_sys(err, errno,
				 "cannot make a socket for a terminal");
	return 0;
}

const char *oci_console_name(const struct container *c)
{
	return c->sb->terminal ? CONSOLE_SOCKET : NULL;
}

int oci_pass_console(struct container *c, struct error *err)
{
	autoclose int connection = -1;
	autoclose int master = -1;

	if (!c->sb->terminal)
		return 0;
	connection = accept4(c->terminal, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return error_sys(err, errno, "the runtime gave no terminal");
	master = pass_fd_receive(connection, err);
	return master < 0 ? -1 : pass_fd_send(c->fds.output, master, err);
}
