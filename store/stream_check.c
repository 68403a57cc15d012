/* Streams that watch what goes by: verified, hashed, limited. */
#include <string.h>

#include "store/stream.h"

struct check_stream {
	struct stream base;
	struct stream *inner;
	struct hash *hash;	/* NULL: nobody wants the digest */
	uint64_t seen;		/* bytes so far */
	int64_t size;		/* announced; -1: not */
	struct digest expected; /* or unset */
	uint64_t max;
	char what[64];
};

static void check_free(struct stream *base)
{
	struct check_stream *s = (struct check_stream *)base;

	stream_free(s->inner);
	hash_free(s->hash);
	free(s);
}

/* Takes `inner`, also on failure. */
static struct check_stream *new_check_stream(struct stream *inner, bool hashed,
					     struct error *err)
{
	struct check_stream *s = calloc(1, sizeof(*s));

	if (!s) {
		stream_free(inner);
		error_nomem(err, "opening a stream");
		return NULL;
	}
	s->inner = inner;
	s->base.free = check_free;
	if (hashed && hash_new(&s->hash, err) < 0) {
		check_free(&s->base);
		return NULL;
	}
	return s;
}

static ssize_t counted_read(struct check_stream *s, void *data, size_t len,
			    struct error *err)
{
	ssize_t n = stream_read(s->inner, data, len, err);

	if (n > 0) {
		s->seen += (uint64_t)n;
		if (s->hash)
			hash_update(s->hash, data, (size_t)n);
	}
	return n;
}

static int check_end(struct check_stream *s, struct error *err)
{
	struct digest found;

	if (s->size >= 0 && s->seen != (uint64_t)s->size)
		return error_set(
			err, ERROR_INTEGRITY, "only %llu of %lld bytes came",
			(unsigned long long)s->seen, (long long)s->size);
	if (!digest_is_set(&s->expected))
		return 0;
	hash_digest(s->hash, &found);
	if (!digest_equal(&found, &s->expected))
		return error_set(err, ERROR_INTEGRITY,
				 "digest is %s, expected %s", found.text,
				 s->expected.text);
	return 0;
}

static ssize_t verify_read(struct stream *base, void *data, size_t len,
			   struct error *err)
{
	struct check_stream *s = (struct check_stream *)base;
	ssize_t n = len ? counted_read(s, data, len, err) : 0;

	if (n < 0 || len == 0)
		return n;
	if (s->size >= 0 && s->seen > (uint64_t)s->size)
		return error_set(err, ERROR_INTEGRITY,
				 "more than the announced %lld bytes came",
				 (long long)s->size);
	if (n == 0 && check_end(s, err) < 0)
		return -1;
	return n;
}

int stream_verify(struct stream *inner, int64_t size,
		  const struct digest *expected, struct stream **ret,
		  struct error *err)
{
	struct check_stream *s = new_check_stream(inner, expected, err);

	if (!s)
		return -1;
	s->base.read = verify_read;
	s->size = size;
	if (expected)
		s->expected = *expected;
	*ret = &s->base;
	return 0;
}

static ssize_t hash_read(struct stream *base, void *data, size_t len,
			 struct error *err)
{
	return counted_read((struct check_stream *)base, data, len, err);
}

int stream_hash(struct stream *inner, struct stream **ret, struct error *err)
{
	struct check_stream *s = new_check_stream(inner, true, err);

	if (!s)
		return -1;
	s->base.read = hash_read;
	*ret = &s->base;
	return 0;
}

void stream_hash_result(const struct stream *hash, struct digest *digest,
			uint64_t *size_bytes)
{
	const struct check_stream *s = (const struct check_stream *)hash;

	if (digest)
		hash_digest(s->hash, digest);
	if (size_bytes)
		*size_bytes = s->seen;
}

static ssize_t limit_read(struct stream *base, void *data, size_t len,
			  struct error *err)
{
	struct check_stream *s = (struct check_stream *)base;
	ssize_t n = counted_read(s, data, len, err);

	if (n > 0 && s->seen > s->max)
		return error_set(err, ERROR_REFUSED,
				 "%s is larger than %llu bytes", s->what,
				 (unsigned long long)s->max);
	return n;
}

int stream_limit(struct stream *inner, uint64_t max, const char *what,
		 struct stream **ret, struct error *err)
{
	struct check_stream *s = new_check_stream(inner, false, err);

	if (!s)
		return -1;
	s->base.read = limit_read;
	s->max = max;
	snprintf(s->what, sizeof(s->what), "%s", what);
	*ret = &s->base;
	return 0;
}
