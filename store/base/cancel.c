#include "store/base/cancel.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "store/base/wake.h"

struct cancel {
	int fd;
	atomic_int signal; /* 0 until triggered */
};

int cancel_new(struct cancel **ret, struct error *err)
{
	struct cancel *c = malloc(sizeof(*c));

	if (!c)
		return error_nomem(err, "preparing cancellation");
	atomic_init(&c->signal, 0);
	c->fd = wake_open(err);
	if (c->fd < 0) {
		free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

void cancel_free(struct cancel *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c);
}

void cancel_trigger(struct cancel *c, int signal)
{
	int none = 0;

	/* The first reason counts; lock-free, so fit for signal handlers. */
	atomic_compare_exchange_strong(&c->signal, &none, signal ? signal : -1);
	wake_tell(c->fd);
}

int cancel_fd(const struct cancel *c)
{
	return c->fd;
}

int cancel_check(const struct cancel *c, struct error *err)
{
	int signal = c ? atomic_load(&c->signal) : 0;

	if (!signal)
		return 0;
	if (signal < 0)
		return error_set(err, ERROR_CANCELED, "canceled");
	if (signal == SIGALRM)
		error_set(err, ERROR_CANCELED, "the time given is over");
	else
		error_set(err, ERROR_CANCELED, "stopped by signal %d (%s)",
			  signal, strsignal(signal));
	err->sys = signal;
	return -1;
}
