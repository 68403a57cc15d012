#include "store/compress.h"

#include <string.h>

#include "store/gzip.h"
#include "store/zstd_codec.h"

static const char *const names[] = {
	[COMPRESSION_NONE] = "uncompressed",
	[COMPRESSION_GZIP] = "gzip",
	[COMPRESSION_ZSTD] = "zstd",
};

const char *compression_name(enum compression_kind kind)
{
	return names[kind];
}

int compression_parse(const char *name, enum compression_kind *ret,
		      struct error *err)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(name, names[i])) {
			*ret = (enum compression_kind)i;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE,
			 "unknown compression '%s' (gzip, zstd or "
			 "uncompressed)",
			 name);
}

struct pass_sink {
	struct sink base;
	struct sink *to;
};

static int pass_write(struct sink *base, const void *data, size_t len,
		      struct error *err)
{
	return sink_write(((struct pass_sink *)base)->to, data, len, err);
}

static void pass_free(struct sink *base)
{
	free(base);
}

static int sink_pass(struct sink *to, struct sink **ret, struct error *err)
{
	struct pass_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "opening an output");
	s->base.write = pass_write;
	s->base.free = pass_free;
	s->to = to;
	*ret = &s->base;
	return 0;
}

int sink_compress(struct compression how, unsigned threads, struct sink *to,
		  struct sink **ret, struct error *err)
{
	int max = how.kind == COMPRESSION_ZSTD ? 22 : 9;

	if (how.kind == COMPRESSION_NONE)
		return sink_pass(to, ret, err);
	if (how.level < COMPRESSION_LEVEL_DEFAULT || how.level > max)
		return error_set(err, ERROR_USAGE,
				 "%s has no level %d (0 to %d)",
				 compression_name(how.kind), how.level, max);
	if (how.kind == COMPRESSION_GZIP)
		return sink_gzip(how.level, threads, to, ret, err);
	return sink_zstd(how.level, threads, to, ret, err);
}

size_t compression_memory(enum compression_kind kind, unsigned threads)
{
	switch (kind) {
	case COMPRESSION_GZIP:
		return sink_gzip_memory(threads);
	case COMPRESSION_ZSTD:
		return sink_zstd_memory(threads);
	default:
		return 0;
	}
}

enum compression_kind compression_of_magic(const void *data, size_t len)
{
	const unsigned char *p = data;

	if (len >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
		return COMPRESSION_GZIP;
	if (len >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4))
		return COMPRESSION_ZSTD;
	/* A skippable frame may come first. */
	if (len >= 4 && (p[0] & 0xf0) == 0x50 &&
	    !memcmp(p + 1, "\x2a\x4d\x18", 3))
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

int stream_decompress(struct stream *inner, enum compression_kind *kind,
		      struct stream **ret, struct error *err)
{
	enum compression_kind found;
	char magic[4];
	ssize_t n = stream_read_full(inner, magic, sizeof(magic), err);

	if (n < 0) {
		stream_free(inner);
		return -1;
	}
	if (stream_unread(inner, magic, (size_t)n, &inner, err) < 0)
		return -1;
	found = compression_of_magic(magic, (size_t)n);
	if (kind)
		*kind = found;
	switch (found) {
	case COMPRESSION_GZIP:
		return stream_gunzip(inner, ret, err);
	case COMPRESSION_ZSTD:
		return stream_unzstd(inner, ret, err);
	default:
		*ret = inner;
		return 0;
	}
}
