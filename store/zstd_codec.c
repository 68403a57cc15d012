#include "store/zstd_codec.h"

#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL_DEFAULT 3

/*
 * How the library cuts its work must not follow the number of threads or its
 * version's defaults: fixed jobs, each seeing 1/8 of a window of the one
 * before.
 */
#define JOB_SIZE    (4 << 20)
#define OVERLAP_LOG 6

/* Each thread costs a job's buffers; more than this outrun the hashes. */
#define THREADS_MAX 8

/* Windows above this many bits (128 MiB) are refused. */
#define WINDOW_LOG_MAX 27

struct zstd_sink {
	struct sink base;
	struct sink *to;
	ZSTD_CCtx *ctx;
	size_t out_size;
	char out[];
};

/* Feed `in` to the compressor and write what comes out. */
static int pump(struct zstd_sink *s, ZSTD_inBuffer *in, ZSTD_EndDirective end,
		struct error *err)
{
	size_t left;

	do {
		ZSTD_outBuffer out = { s->out, s->out_size, 0 };

		left = ZSTD_compressStream2(s->ctx, &out, in, end);
		if (ZSTD_isError(left))
			return error_set(err, ERROR_NOMEM,
					 "cannot compress: %s",
					 ZSTD_getErrorName(left));
		if (sink_write(s->to, s->out, out.pos, err) < 0)
			return -1;
	} while (end == ZSTD_e_end ? left > 0 : in->pos < in->size);
	return 0;
}

static int zstd_write(struct sink *base, const void *data, size_t len,
		      struct error *err)
{
	ZSTD_inBuffer in = { data, len, 0 };

	return pump((struct zstd_sink *)base, &in, ZSTD_e_continue, err);
}

static int zstd_finish(struct sink *base, struct error *err)
{
	ZSTD_inBuffer in = { NULL, 0, 0 };

	return pump((struct zstd_sink *)base, &in, ZSTD_e_end, err);
}

static void zstd_sink_free(struct sink *base)
{
	struct zstd_sink *s = (struct zstd_sink *)base;

	ZSTD_freeCCtx(s->ctx);
	free(s);
}

static int set_parameters(ZSTD_CCtx *ctx, int level, unsigned threads,
			  struct error *err)
{
	/* Without workers the library cuts differently: always at least one. */
	const struct {
		ZSTD_cParameter name;
		int value;
	} parameters[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_checksumFlag, 1 },
		{ ZSTD_c_nbWorkers, threads < 1		    ? 1
				    : threads > THREADS_MAX ? THREADS_MAX
							    : (int)threads },
		{ ZSTD_c_jobSize, JOB_SIZE },
		{ ZSTD_c_overlapLog, OVERLAP_LOG },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(parameters); i++) {
		size_t status = ZSTD_CCtx_setParameter(ctx, parameters[i].name,
						       parameters[i].value);

		if (ZSTD_isError(status))
			return error_set(err, ERROR_REFUSED,
					 "cannot compress with zstd: %s",
					 ZSTD_getErrorName(status));
	}
	return 0;
}

int sink_zstd(int level, unsigned threads, struct sink *to, struct sink **ret,
	      struct error *err)
{
	size_t out_size = ZSTD_CStreamOutSize();
	struct zstd_sink *s = calloc(1, sizeof(*s) + out_size);

	if (!s)
		return error_nomem(err, "compressing");
	s->base.write = zstd_write;
	s->base.finish = zstd_finish;
	s->base.free = zstd_sink_free;
	s->to = to;
	s->out_size = out_size;
	s->ctx = ZSTD_createCCtx();
	if (!s->ctx) {
		free(s);
		return error_nomem(err, "compressing");
	}
	/* Level 0 means "default" to the library, and to us. */
	if (set_parameters(s->ctx, level < 1 ? LEVEL_DEFAULT : level, threads,
			   err) < 0) {
		zstd_sink_free(&s->base);
		return -1;
	}
	*ret = &s->base;
	return 0;
}

struct unzstd {
	struct stream base;
	struct stream *inner;
	ZSTD_DCtx *ctx;
	ZSTD_inBuffer in;
	bool in_eof;
	bool mid_frame; /* input may not end here */
	size_t in_size;
	char data[];
};

static int refill(struct unzstd *u, struct error *err)
{
	ssize_t n;

	if (u->in.pos < u->in.size || u->in_eof)
		return 0;
	n = stream_read(u->inner, u->data, u->in_size, err);
	if (n < 0)
		return -1;
	u->in_eof = n == 0;
	u->in = (ZSTD_inBuffer){ u->data, (size_t)n, 0 };
	return 0;
}

static int unzstd_error(size_t status, struct error *err)
{
	switch (ZSTD_getErrorCode(status)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return error_set(err, ERROR_REFUSED,
				 "zstd data needs a window of more than %d MiB",
				 1 << (WINDOW_LOG_MAX - 20));
	case ZSTD_error_memory_allocation:
		return error_nomem(err, "decompressing");
	default:
		return error_set(err, ERROR_INTEGRITY,
				 "zstd data is damaged: %s",
				 ZSTD_getErrorName(status));
	}
}

static ssize_t unzstd_read(struct stream *base, void *data, size_t len,
			   struct error *err)
{
	struct unzstd *u = (struct unzstd *)base;
	ZSTD_outBuffer out = { data, len, 0 };

	while (out.pos == 0 && len > 0) {
		size_t status;

		if (refill(u, err) < 0)
			return -1;
		if (u->in_eof && !u->mid_frame)
			return 0;
		status = ZSTD_decompressStream(u->ctx, &out, &u->in);
		if (ZSTD_isError(status))
			return unzstd_error(status, err);
		if (u->in_eof && out.pos == 0 && status != 0)
			return error_set(err, ERROR_INTEGRITY,
					 "zstd data is truncated");
		u->mid_frame = status != 0;
	}
	return (ssize_t)out.pos;
}

static void unzstd_free(struct stream *base)
{
	struct unzstd *u = (struct unzstd *)base;

	stream_free(u->inner);
	ZSTD_freeDCtx(u->ctx);
	free(u);
}

int stream_unzstd(struct stream *inner, struct stream **ret, struct error *err)
{
	size_t in_size = ZSTD_DStreamInSize();
	struct unzstd *u = calloc(1, sizeof(*u) + in_size);

	if (!u) {
		stream_free(inner);
		return error_nomem(err, "decompressing");
	}
	u->base.read = unzstd_read;
	u->base.free = unzstd_free;
	u->inner = inner;
	u->in_size = in_size;
	u->ctx = ZSTD_createDCtx();
	if (!u->ctx || ZSTD_isError(ZSTD_DCtx_setParameter(
			       u->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		unzstd_free(&u->base);
		return error_nomem(err, "decompressing");
	}
	*ret = &u->base;
	return 0;
}
