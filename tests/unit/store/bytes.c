#include "tests/unit/store/bytes.h"

#include <string.h>

uint32_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

char *random_bytes(uint64_t seed, size_t len)
{
	char *data = malloc(len ? len : 1);
	uint64_t state = seed;
	size_t i = 0;

	while (i < len) {
		size_t run = 1 + random_next(&state) % 5000;
		uint32_t kind = random_next(&state) % 3;

		for (; run > 0 && i < len; run--, i++) {
			uint32_t r = random_next(&state);

			data[i] = kind == 0   ? 0
				  : kind == 1 ? (char)('a' + r % 6)
					      : (char)(r >> 8);
		}
	}
	return data;
}

struct buf_sink {
	struct sink base;
	struct buf *buf;
};

static int buf_write(struct sink *base, const void *data, size_t len,
		     struct error *err)
{
	struct buf *buf = ((struct buf_sink *)base)->buf;

	buf_append(buf, data, len);
	return buf_check(buf, "testing", err);
}

static void buf_free(struct sink *base)
{
	free(base);
}

struct sink *sink_to_buf(struct buf *buf)
{
	struct buf_sink *s = calloc(1, sizeof(*s));

	s->base.write = buf_write;
	s->base.free = buf_free;
	s->buf = buf;
	return &s->base;
}

struct step_stream {
	struct stream base;
	const char *data;
	size_t len;
	size_t step;
};

static ssize_t step_read(struct stream *base, void *data, size_t len,
			 struct error *err)
{
	struct step_stream *s = (struct step_stream *)base;

	(void)err;
	if (len > s->step)
		len = s->step;
	if (len > s->len)
		len = s->len;
	memcpy(data, s->data, len);
	s->data += len;
	s->len -= len;
	return (ssize_t)len;
}

static void step_free(struct stream *base)
{
	free(base);
}

struct stream *stream_in_steps(const void *data, size_t len, size_t step)
{
	struct step_stream *s = calloc(1, sizeof(*s));

	s->base.read = step_read;
	s->base.free = step_free;
	s->data = data;
	s->len = len;
	s->step = step;
	return &s->base;
}

int read_to_buf(struct stream *s, struct buf *buf, struct error *err)
{
	char data[8192];
	ssize_t n;

	while ((n = stream_read(s, data, sizeof(data), err)) > 0)
		buf_append(buf, data, (size_t)n);
	return n < 0 ? -1 : buf_check(buf, "testing", err);
}
