#include <string.h>

#include "store/base/io.h"
#include "store/stream.h"

int sink_write(struct sink *s, const void *data, size_t len, struct error *err)
{
	return len > 0 ? s->write(s, data, len, err) : 0;
}

int sink_finish(struct sink *s, struct error *err)
{
	return s->finish ? s->finish(s, err) : 0;
}

void sink_free(struct sink *s)
{
	if (s)
		s->free(s);
}

static void free_plain(struct sink *base)
{
	free(base);
}

struct fd_sink {
	struct sink base;
	int fd;
	char what[256];
};

static int fd_write(struct sink *base, const void *data, size_t len,
		    struct error *err)
{
	struct fd_sink *s = (struct fd_sink *)base;

	return io_write(s->fd, data, len, s->what, err);
}

int sink_to_fd(int fd, const char *what, struct sink **ret, struct error *err)
{
	struct fd_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "opening an output");
	s->base.write = fd_write;
	s->base.free = free_plain;
	s->fd = fd;
	snprintf(s->what, sizeof(s->what), "%s", what);
	*ret = &s->base;
	return 0;
}

struct tee_sink {
	struct sink base;
	struct sink *to[2];
};

static int tee_write(struct sink *base, const void *data, size_t len,
		     struct error *err)
{
	struct tee_sink *s = (struct tee_sink *)base;

	if (sink_write(s->to[0], data, len, err) < 0)
		return -1;
	return sink_write(s->to[1], data, len, err);
}

static int tee_finish(struct sink *base, struct error *err)
{
	struct tee_sink *s = (struct tee_sink *)base;

	if (sink_finish(s->to[0], err) < 0)
		return -1;
	return sink_finish(s->to[1], err);
}

int sink_tee(struct sink *a, struct sink *b, struct sink **ret,
	     struct error *err)
{
	struct tee_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "opening an output");
	s->base.write = tee_write;
	s->base.finish = tee_finish;
	s->base.free = free_plain;
	s->to[0] = a;
	s->to[1] = b;
	*ret = &s->base;
	return 0;
}
