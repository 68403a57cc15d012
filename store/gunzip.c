/* Streaming gunzip on ISA-L. */
#include <isa-l/igzip_lib.h>
#include <string.h>

#include "store/gzip.h"

#define IN_SIZE ((size_t)128 << 10)

struct gunzip {
	struct stream base;
	struct stream *inner;
	struct inflate_state state;
	bool in_eof;
	bool later_member; /* the first one ended well */
	uint8_t in[IN_SIZE];
};

static int refill(struct gunzip *g, struct error *err)
{
	ssize_t n;

	if (g->state.avail_in > 0 || g->in_eof)
		return 0;
	n = stream_read(g->inner, g->in, sizeof(g->in), err);
	if (n < 0)
		return -1;
	g->in_eof = n == 0;
	g->state.next_in = g->in;
	g->state.avail_in = (uint32_t)n;
	return 0;
}

static int inflate_error(int status, bool later_member, struct error *err)
{
	if (status == ISAL_INCORRECT_CHECKSUM)
		return error_set(err, ERROR_INTEGRITY,
				 "gzip data has a wrong checksum");
	if (status == ISAL_INVALID_WRAPPER && later_member)
		return error_set(err, ERROR_INTEGRITY,
				 "garbage after the end of gzip data");
	return error_set(err, ERROR_INTEGRITY, "gzip data is damaged");
}

/* Another member begins here; FINISH is the state between members. */
static void next_member(struct gunzip *g)
{
	isal_inflate_reset(&g->state);
	g->state.crc_flag = ISAL_GZIP;
	g->later_member = true;
}

static ssize_t gunzip_read(struct stream *base, void *data, size_t len,
			   struct error *err)
{
	struct gunzip *g = (struct gunzip *)base;

	if (len == 0)
		return 0;
	if (len > (size_t)1 << 30)
		len = (size_t)1 << 30;
	g->state.next_out = data;
	g->state.avail_out = (uint32_t)len;
	while (g->state.avail_out == len) {
		bool at_end;
		int status;

		if (refill(g, err) < 0)
			return -1;
		if (g->state.block_state == ISAL_BLOCK_FINISH) {
			if (g->in_eof)
				return 0;
			next_member(g);
		}
		at_end = g->in_eof;
		status = isal_inflate(&g->state);
		if (status < 0 || status == ISAL_NEED_DICT)
			return inflate_error(status, g->later_member, err);
		if (at_end && g->state.avail_out == len &&
		    g->state.block_state != ISAL_BLOCK_FINISH)
			return error_set(err, ERROR_INTEGRITY,
					 "gzip data is truncated");
	}
	return (ssize_t)(len - g->state.avail_out);
}

static void gunzip_free(struct stream *base)
{
	struct gunzip *g = (struct gunzip *)base;

	stream_free(g->inner);
	free(g);
}

int stream_gunzip(struct stream *inner, struct stream **ret, struct error *err)
{
	struct gunzip *g = malloc(sizeof(*g));

	if (!g) {
		stream_free(inner);
		return error_nomem(err, "decompressing");
	}
	memset(&g->base, 0, sizeof(g->base));
	g->base.read = gunzip_read;
	g->base.free = gunzip_free;
	g->inner = inner;
	g->in_eof = false;
	g->later_member = false;
	isal_inflate_init(&g->state);
	g->state.crc_flag = ISAL_GZIP;
	*ret = &g->base;
	return 0;
}
