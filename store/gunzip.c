/* Streaming gunzip on ISA-L. */
#include <isa-l/igzip_lib.h>

#include "store/gzip.h"

#define IN_SIZE ((size_t)128 << 10)

struct gunzip {
	struct stream base;
	struct stream *inner;
	struct inflate_state state;
	/*
	 * isal_inflate() would read headers too, but forgets their flags when
	 * one is cut by the end of its input.
	 */
	struct isal_gzip_header header;
	bool in_header;
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

static void begin_member(struct gunzip *g)
{
	isal_inflate_reset(&g->state);
	g->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	isal_gzip_header_init(&g->header);
	g->in_header = true;
}

/* Digest some input; negative on damage. */
static int step(struct gunzip *g)
{
	int status;

	if (!g->in_header)
		return isal_inflate(&g->state);
	status = isal_read_gzip_header(&g->state, &g->header);
	g->in_header = status != ISAL_DECOMP_OK;
	return status;
}

static bool between_members(const struct gunzip *g)
{
	return !g->in_header && g->state.block_state == ISAL_BLOCK_FINISH;
}

static ssize_t gunzip_read(struct stream *base, void *data, size_t len,
			   struct error *err)
{
	struct gunzip *g = (struct gunzip *)base;

	if (len > (size_t)1 << 30)
		len = (size_t)1 << 30;
	g->state.next_out = data;
	g->state.avail_out = (uint32_t)len;
	while (g->state.avail_out == len && len > 0) {
		bool stuck;
		int status;

		if (refill(g, err) < 0)
			return -1;
		if (between_members(g)) {
			if (g->in_eof)
				return 0;
			begin_member(g);
			g->later_member = true;
		}
		stuck = g->in_eof;
		status = step(g);
		if (status < 0 || status == ISAL_NEED_DICT)
			return inflate_error(status, g->later_member, err);
		if (stuck && g->state.avail_out == len && !between_members(g))
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
	struct gunzip *g = calloc(1, sizeof(*g));

	if (!g) {
		stream_free(inner);
		return error_nomem(err, "decompressing");
	}
	g->base.read = gunzip_read;
	g->base.free = gunzip_free;
	g->inner = inner;
	isal_inflate_init(&g->state);
	begin_member(g);
	*ret = &g->base;
	return 0;
}
