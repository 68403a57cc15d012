/*
 * Independent frames of 4 MiB, which compress on all cores; readers join them.
 * The library's own threads would save the 0.5% that windows across frames are
 * worth, but let nothing be said about single pieces.
 */
#include "store/zstd_codec.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "store/nature.h"
#include "store/ordered.h"

#define LEVEL_DEFAULT 3
#define FRAME_SIZE    ((size_t)4 << 20)
#define CELL_SIZE     ((size_t)32 << 10)

/*
 * Level 3 looks twice for repetitions, also where there are none, which makes
 * it three times slower there than level 2 and gains 2%.
 */
#define LEVEL_SKEWED 2

/* Each costs memory; these outrun the hashes. */
#define THREADS_MAX 3

/* What the library takes for itself at its default level, about. */
#define CONTEXT_SIZE ((size_t)4 << 20)

/* Windows above this many bits (128 MiB) are refused. */
#define WINDOW_LOG_MAX 27

struct zstd_worker {
	ZSTD_CCtx *ctx;
	int level;
};

static void worker_free(void *arg)
{
	struct zstd_worker *w = arg;

	if (!w)
		return;
	ZSTD_freeCCtx(w->ctx);
	free(w);
}

static void *worker_new(int level)
{
	struct zstd_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->level = level;
	w->ctx = ZSTD_createCCtx();
	if (w->ctx && !ZSTD_isError(ZSTD_CCtx_setParameter(
			      w->ctx, ZSTD_c_checksumFlag, 1)))
		return w;
	worker_free(w);
	return NULL;
}

/* Is an eighth of it or more without repetitions, but not noise? */
static bool is_much_skewed(const uint8_t *in, size_t len)
{
	size_t cells = 0, skewed = 0;

	for (size_t i = 0; i + CELL_SIZE <= len; i += CELL_SIZE, cells++)
		skewed += nature_of(in + i, CELL_SIZE) == NATURE_SKEWED;
	return skewed && skewed * 8 >= cells;
}

static size_t compress_frame(void *arg, const void *in, size_t len, void *out,
			     size_t out_max)
{
	const struct zstd_worker *w = arg;
	int level = w->level;
	size_t n;

	if (level == LEVEL_DEFAULT && is_much_skewed(in, len))
		level = LEVEL_SKEWED;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(w->ctx, ZSTD_c_compressionLevel,
						level)))
		return 0;
	n = ZSTD_compress2(w->ctx, out, out_max, in, len);
	return ZSTD_isError(n) ? 0 : n;
}

static unsigned limit_threads(unsigned threads)
{
	return threads < THREADS_MAX ? threads : THREADS_MAX;
}

int sink_zstd(int level, unsigned threads, struct sink *to, struct sink **ret,
	      struct error *err)
{
	struct ordered_job job = {
		.block_size = FRAME_SIZE,
		.out_max = ZSTD_compressBound(FRAME_SIZE),
		/* Level 0 means "default" to the library, and to us. */
		.level = level < 1 ? LEVEL_DEFAULT : level,
		.worker_new = worker_new,
		.worker_free = worker_free,
		.run = compress_frame,
	};

	return sink_ordered(&job, limit_threads(threads), to, ret, err);
}

size_t sink_zstd_memory(unsigned threads)
{
	return ordered_memory(FRAME_SIZE, ZSTD_compressBound(FRAME_SIZE),
			      limit_threads(threads)) +
	       limit_threads(threads) * CONTEXT_SIZE;
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
