#include "builder/cli/prompt.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>

#include "store/base/buf.h"
#include "store/base/io.h"

#define LINE_MAX_BYTES 4096

/* The terminal; shows what is typed again when released. */
struct terminal {
	int fd;
	bool hidden;
	struct termios before;
};

static void terminal_release(struct terminal *t)
{
	if (t->hidden)
		tcsetattr(t->fd, TCSAFLUSH, &t->before);
	if (t->fd >= 0)
		close(t->fd);
}
DEFINE_RELEASE(struct terminal, terminal_release);

static int hide(struct terminal *t, struct error *err)
{
	struct termios quiet;

	if (tcgetattr(t->fd, &t->before) < 0)
		return error_sys(err, errno, "cannot silence the terminal");
	quiet = t->before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL;
	if (tcsetattr(t->fd, TCSAFLUSH, &quiet) < 0)
		return error_sys(err, errno, "cannot silence the terminal");
	t->hidden = true;
	return 0;
}

static int wait_for_input(int fd, const struct cancel *cancel,
			  struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = cancel ? cancel_fd(cancel) : -1, .events = POLLIN },
	};

	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		return error_sys(err, errno, "cannot read the terminal");
	return cancel_check(cancel, err);
}

/* A terminal hands out whole lines. */
static int read_line(int fd, const struct cancel *cancel, struct buf *line,
		     struct error *err)
{
	do {
		char *room = buf_reserve(line, LINE_MAX_BYTES);
		ssize_t n;

		if (!room)
			return error_nomem(err, "reading the terminal");
		if (wait_for_input(fd, cancel, err) < 0)
			return -1;
		n = read(fd, room, LINE_MAX_BYTES);
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno,
					 "cannot read the terminal");
		if (n == 0)
			return 0;
		buf_commit(line, n > 0 ? (size_t)n : 0);
	} while (!memchr(line->data, '\n', line->len));
	return 0;
}

char *prompt_line(const char *question, bool hidden,
		  const struct cancel *cancel, struct error *err)
{
	AUTO(terminal_release)
	struct terminal t = { .fd = open("/dev/tty",
					 O_RDWR | O_NOCTTY | O_CLOEXEC) };
	AUTO(buf_release) struct buf line = BUF_INIT;

	if (t.fd < 0) {
		error_set(err, ERROR_USAGE, "there is no terminal to ask on");
		return NULL;
	}
	if (io_write(t.fd, question, strlen(question), "the terminal", err) <
		    0 ||
	    (hidden && hide(&t, err) < 0) ||
	    read_line(t.fd, cancel, &line, err) < 0)
		return NULL;
	if (line.len)
		buf_truncate(&line, strcspn(line.data, "\r\n"));
	return buf_steal_checked(&line, "reading the terminal", err);
}
