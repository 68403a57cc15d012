#include "store/stream.h"

#include <string.h>

#include "store/base/io.h"

#define COPY_SIZE ((size_t)128 << 10)

ssize_t stream_read(struct stream *s, void *data, size_t len, struct error *err)
{
	return s->read(s, data, len, err);
}

ssize_t stream_read_full(struct stream *s, void *data, size_t len,
			 struct error *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = s->read(s, (char *)data + done, len - done, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int stream_skip_hole(struct stream *s, uint64_t *len, struct error *err)
{
	*len = 0;
	return s->hole ? s->hole(s, len, err) : 0;
}

void stream_free(struct stream *s)
{
	if (s)
		s->free(s);
}

int stream_copy(struct stream *from, struct sink *to, struct error *err)
{
	autofree char *data = malloc(COPY_SIZE);
	ssize_t n;

	if (!data)
		return error_nomem(err, "copying");
	while ((n = stream_read(from, data, COPY_SIZE, err)) > 0)
		if (sink_write(to, data, (size_t)n, err) < 0)
			return -1;
	return n < 0 ? -1 : sink_finish(to, err);
}

struct fd_stream {
	struct stream base;
	int fd;
	bool owned;
	bool seekable;
	off_t offset;
	uint64_t left; /* UINT64_MAX: to the end */
};

static ssize_t fd_read(struct stream *base, void *data, size_t len,
		       struct error *err)
{
	struct fd_stream *s = (struct fd_stream *)base;
	ssize_t n;

	if (len > s->left)
		len = s->left;
	if (len == 0)
		return 0;
	n = s->seekable ? io_pread(s->fd, data, len, s->offset, "file", err)
			: io_read(s->fd, data, len, "input", err);
	if (n < 0)
		return -1;
	if (n == 0 && s->left != UINT64_MAX)
		return error_set(err, ERROR_INTEGRITY,
				 "file ends %llu bytes early",
				 (unsigned long long)s->left);
	s->offset += n;
	if (s->left != UINT64_MAX)
		s->left -= (uint64_t)n;
	return n;
}

static void fd_free(struct stream *base)
{
	struct fd_stream *s = (struct fd_stream *)base;

	if (s->owned)
		close(s->fd);
	free(s);
}

static int new_fd_stream(struct fd_stream init, struct stream **ret,
			 struct error *err)
{
	struct fd_stream *s = malloc(sizeof(*s));

	if (!s) {
		if (init.owned)
			close(init.fd);
		return error_nomem(err, "opening a stream");
	}
	*s = init;
	s->base.read = fd_read;
	s->base.free = fd_free;
	*ret = &s->base;
	return 0;
}

int stream_from_fd(int fd, bool take_fd, off_t offset, uint64_t len,
		   struct stream **ret, struct error *err)
{
	return new_fd_stream((struct fd_stream){ .fd = fd,
						 .owned = take_fd,
						 .seekable = true,
						 .offset = offset,
						 .left = len },
			     ret, err);
}

int stream_from_pipe(int fd, bool take_fd, struct stream **ret,
		     struct error *err)
{
	return new_fd_stream((struct fd_stream){ .fd = fd,
						 .owned = take_fd,
						 .left = UINT64_MAX },
			     ret, err);
}

/* Memory, and behind it perhaps another stream. */
struct memory_stream {
	struct stream base;
	const char *data;
	size_t len;
	struct stream *rest; /* owned; NULL: none */
	char storage[];	     /* the prefix of stream_unread() */
};

static ssize_t memory_read(struct stream *base, void *data, size_t len,
			   struct error *err)
{
	struct memory_stream *s = (struct memory_stream *)base;

	if (s->len == 0)
		return s->rest ? stream_read(s->rest, data, len, err) : 0;
	if (len > s->len)
		len = s->len;
	if (len > 0)
		memcpy(data, s->data, len);
	s->data += len;
	s->len -= len;
	return (ssize_t)len;
}

static void memory_free(struct stream *base)
{
	struct memory_stream *s = (struct memory_stream *)base;

	stream_free(s->rest);
	free(s);
}

static struct memory_stream *new_memory_stream(size_t storage,
					       struct error *err)
{
	struct memory_stream *s = calloc(1, sizeof(*s) + storage);

	if (!s) {
		error_nomem(err, "opening a stream");
		return NULL;
	}
	s->base.read = memory_read;
	s->base.free = memory_free;
	return s;
}

int stream_from_memory(const void *data, size_t len, struct stream **ret,
		       struct error *err)
{
	struct memory_stream *s = new_memory_stream(0, err);

	if (!s)
		return -1;
	s->data = data;
	s->len = len;
	*ret = &s->base;
	return 0;
}

int stream_unread(struct stream *inner, const void *prefix, size_t len,
		  struct stream **ret, struct error *err)
{
	struct memory_stream *s = new_memory_stream(len, err);

	if (!s) {
		stream_free(inner);
		return -1;
	}
	if (len > 0)
		memcpy(s->storage, prefix, len);
	s->data = s->storage;
	s->len = len;
	s->rest = inner;
	*ret = &s->base;
	return 0;
}
