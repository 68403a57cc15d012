/* Checksums, and the sink that computes one. */
#include <isa-l/crc64.h>
#include <stdlib.h>

#include "store/stream.h"

void checksum_update(struct checksum *sum, const void *data, size_t len)
{
	sum->crc64 = crc64_ecma_refl(sum->crc64, data, len);
	sum->size_bytes += len;
}

bool checksum_equal(struct checksum a, struct checksum b)
{
	return a.crc64 == b.crc64 && a.size_bytes == b.size_bytes;
}

struct checksum_sink {
	struct sink base;
	struct checksum sum;
};

static int take_bytes(struct sink *base, const void *data, size_t len,
		      struct error *err)
{
	struct checksum_sink *s = (struct checksum_sink *)base;

	(void)err;
	checksum_update(&s->sum, data, len);
	return 0;
}

static void release(struct sink *base)
{
	free(base);
}

int sink_checksum(struct sink **ret, struct error *err)
{
	struct checksum_sink *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "computing a checksum");
	s->base.write = take_bytes;
	s->base.free = release;
	*ret = &s->base;
	return 0;
}

struct checksum sink_checksum_result(const struct sink *sink)
{
	return ((const struct checksum_sink *)sink)->sum;
}
