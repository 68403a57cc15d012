/*
 * Independent blocks of 1 MiB, compressed on all cores; any reader that follows
 * RFC 1952 joins their members again. The price is the window restarting per
 * block, 0.2% on real layers.
 *
 * A block is cut where the nature of its contents changes, and each run packed
 * as it deserves. What does not shrink (packages, images) costs next to nothing
 * that way, and codes fit their run. All of it follows from the contents alone,
 * so the output stays a function of the input.
 */
#include "store/gzip.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>

#include "store/gzip_plain.h"
#include "store/gzip_quick.h"
#include "store/nature.h"
#include "store/ordered.h"

#define BLOCK_SIZE ((size_t)1 << 20)
#define CELL_SIZE  ((size_t)32 << 10)
#define RUN_MIN	   (2 * CELL_SIZE)

/* What libdeflate takes for itself, about. */
#define COMPRESSOR_SIZE ((size_t)1 << 20)

struct gzip_worker {
	struct libdeflate_compressor *c; /* for the levels */
	struct gzip_quick *quick;	 /* when none is asked for */
	int level;
};

static void worker_free(void *arg)
{
	struct gzip_worker *w = arg;

	if (!w)
		return;
	libdeflate_free_compressor(w->c);
	gzip_quick_free(w->quick);
	free(w);
}

static void *worker_new(int level)
{
	struct gzip_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->level = level;
	if (level < 0)
		w->quick = gzip_quick_new();
	else
		w->c = libdeflate_alloc_compressor(level);
	if (w->quick || w->c)
		return w;
	worker_free(w);
	return NULL;
}

/* A block, cell by cell. */
struct cells {
	enum nature natures[BLOCK_SIZE / CELL_SIZE];
	size_t n;
};

static void judge(const uint8_t *in, size_t len, struct cells *ret)
{
	ret->n = 0;
	for (size_t at = 0; at < len; at += CELL_SIZE) {
		size_t left = len - at;

		ret->natures[ret->n++] =
			nature_of(in + at, left < CELL_SIZE ? left : CELL_SIZE);
	}
}

/* How many cells from `first` are of its nature. */
static size_t count_alike(const struct cells *c, size_t first)
{
	size_t n = 1;

	while (first + n < c->n && c->natures[first + n] == c->natures[first])
		n++;
	return n;
}

/*
 * Is what begins there to be packed in a way of its own? A cell that is
 * different for once is not worth the loss of the window around it.
 */
static bool stands_out(const struct cells *c, size_t first)
{
	return first < c->n && c->natures[first] != NATURE_REPEATS &&
	       count_alike(c, first) >= RUN_MIN / CELL_SIZE;
}

/* Where the run of cells that begins with `first` ends, and its nature. */
static size_t find_run(const struct cells *c, size_t first, enum nature *nature)
{
	size_t end = first;

	*nature = NATURE_REPEATS;
	if (stands_out(c, first)) {
		*nature = c->natures[first];
		return first + count_alike(c, first);
	}
	while (end < c->n && !stands_out(c, end))
		end += count_alike(c, end);
	return end;
}

static size_t compress_run(const struct gzip_worker *w, enum nature nature,
			   const uint8_t *in, size_t len, uint8_t *out,
			   size_t out_max)
{
	switch (nature) {
	case NATURE_NOISE:
		return gzip_store(in, len, out);
	case NATURE_SKEWED:
		return gzip_huffman(in, len, out);
	default:
		if (w->quick)
			return gzip_quick(w->quick, in, len, out);
		return libdeflate_gzip_compress(w->c, in, len, out, out_max);
	}
}

static size_t compress_block(void *arg, const void *in, size_t len, void *out,
			     size_t out_max)
{
	const struct gzip_worker *w = arg;
	size_t cell = 0, made = 0;
	struct cells cells;

	if (w->level == 0)
		return gzip_store(in, len, out);
	judge(in, len, &cells);
	do {
		size_t at = cell * CELL_SIZE, end, n;
		enum nature nature;

		cell = find_run(&cells, cell, &nature);
		end = cell * CELL_SIZE < len ? cell * CELL_SIZE : len;
		n = compress_run(w, nature, (const uint8_t *)in + at, end - at,
				 (uint8_t *)out + made, out_max - made);
		if (n == 0)
			return 0;
		made += n;
	} while (cell < cells.n);
	return made;
}

/*
 * Room for every run that a block may be cut into, and a run's to spare: what
 * a long one's blocks add is far less than that.
 */
static size_t out_max(void)
{
	size_t plain = gzip_plain_bound(RUN_MIN);
	size_t any = libdeflate_gzip_compress_bound(NULL, RUN_MIN);

	return (BLOCK_SIZE / RUN_MIN + 1) * (any > plain ? any : plain);
}

int sink_gzip(int level, unsigned threads, struct sink *to, struct sink **ret,
	      struct error *err)
{
	struct ordered_job job = {
		.block_size = BLOCK_SIZE,
		.out_max = out_max(),
		.level = level,
		.worker_new = worker_new,
		.worker_free = worker_free,
		.run = compress_block,
	};

	return sink_ordered(&job, threads, to, ret, err);
}

size_t sink_gzip_memory(unsigned threads)
{
	return ordered_memory(BLOCK_SIZE, out_max(), threads) +
	       threads * COMPRESSOR_SIZE;
}
