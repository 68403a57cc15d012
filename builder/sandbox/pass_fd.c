#include "builder/sandbox/pass_fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(PASS_FDS_MAX * sizeof(int))];
};

int pass_fds_send(int socket, const void *data, size_t len, const int *fds,
		  size_t n, int flags)
{
	union control control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (n) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	do
		r = sendmsg(socket, &msg, flags | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : 0;
}

ssize_t pass_fds_receive(int socket, void *data, size_t len, int *fds,
			 size_t room, size_t *n)
{
	union control control;
	struct iovec iov = { data, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Not CMSG_SPACE(), which may have room for one more. */
		.msg_controllen = CMSG_LEN(room * sizeof(int)),
	};
	struct cmsghdr *c;
	ssize_t r;

	*n = 0;
	do
		r = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	c = r > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS) {
		*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	}
	return r;
}

int pass_fd_send(int socket, int fd, struct error *err)
{
	if (pass_fds_send(socket, "", 1, &fd, 1, 0) < 0)
		return error_sys(err, errno, "cannot pass a descriptor on");
	return 0;
}

int pass_fd_receive(int socket, struct error *err)
{
	char text[256];
	size_t n;
	int fd;

	if (pass_fds_receive(socket, text, sizeof(text), &fd, 1, &n) < 0)
		return error_sys(err, errno, "cannot receive a descriptor");
	if (!n)
		return error_set(err, ERROR_SYSTEM, "no descriptor came");
	return fd;
}
