#include "store/tar_sparse.h"

#include <string.h>

#include "store/base/array.h"
#include "store/base/io.h"

#define GRAIN	  ((uint64_t)4 << 10)
#define HOLE_MIN  ((uint64_t)64 << 10)
#define HOLES_MAX 8192

/* Read at once while following a run of zeros. */
#define CHUNK ((size_t)64 << 10)

int tar_source_read(const struct tar_source *s, uint64_t pos, void *data,
		    size_t len, struct error *err)
{
	ssize_t n;

	if (s->fd < 0) {
		memcpy(data, s->data + pos, len);
		return 0;
	}
	n = io_pread(s->fd, data, len, s->offset + (off_t)pos, "file", err);
	if (n < 0)
		return -1;
	if ((size_t)n < len)
		return error_set(err, ERROR_INTEGRITY,
				 "file became shorter while it was read");
	return 0;
}

void tar_holes_release(struct tar_holes *h)
{
	free(h->items);
	*h = (struct tar_holes){ 0 };
}

/* Forget the holes shorter than the minimum, until there is room. */
static void make_room(struct tar_holes *h)
{
	size_t i, kept;

	while (h->n == HOLES_MAX) {
		h->min *= 2;
		for (i = kept = 0; i < h->n; i++)
			if (h->items[i].len >= h->min)
				h->items[kept++] = h->items[i];
		h->n = kept;
	}
}

static int add_hole(struct tar_holes *h, uint64_t start, uint64_t end,
		    struct error *err)
{
	struct tar_region *items;

	make_room(h);
	if (end - start < h->min)
		return 0;
	items = array_room(h->items, h->n, &h->capacity, sizeof(*items));
	if (!items)
		return error_nomem(err, "looking for holes");
	h->items = items;
	h->items[h->n++] = (struct tar_region){ start, end - start };
	return 0;
}

static bool is_zero(const char *data, size_t len)
{
	return data[0] == '\0' && !memcmp(data, data + 1, len - 1);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Is the block at `pos` all zeros? 1, 0 or -1. */
static int block_is_zero(const struct tar_source *s, uint64_t pos,
			 struct error *err)
{
	char block[GRAIN];
	size_t len = (size_t)smaller(GRAIN, s->size - pos);

	if (tar_source_read(s, pos, block, len, err) < 0)
		return -1;
	return is_zero(block, len);
}

/* Move `pos` back over blocks of zeros, not below `floor`. */
static int extend_back(const struct tar_source *s, uint64_t floor,
		       uint64_t *pos, struct error *err)
{
	while (*pos > floor) {
		int zero = block_is_zero(s, *pos - GRAIN, err);

		if (zero <= 0)
			return zero;
		*pos -= GRAIN;
	}
	return 0;
}

/* Move `pos` over what the file system knows to be a hole. */
static void skip_stored_hole(const struct tar_source *s, uint64_t *pos)
{
	off_t next;

	if (s->fd < 0)
		return;
	next = lseek(s->fd, s->offset + (off_t)*pos, SEEK_DATA);
	if (next < 0 && errno != ENXIO)
		return;
	/* ENXIO: nothing but a hole up to the end. */
	if (next < 0 || (uint64_t)(next - s->offset) >= s->size)
		*pos = s->size;
	else
		*pos += ((uint64_t)(next - s->offset) - *pos) / GRAIN * GRAIN;
}

/* Count the bytes of zero blocks that `data` begins with. */
static size_t zero_blocks(const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = (size_t)smaller(GRAIN, len - done);

		if (!is_zero(data + done, n))
			break;
		done += n;
	}
	return done;
}

/* Move `pos` forward over blocks of zeros. */
static int extend_forward(const struct tar_source *s, uint64_t *pos,
			  struct error *err)
{
	autofree char *data = malloc(CHUNK);

	if (!data)
		return error_nomem(err, "looking for holes");
	while (*pos < s->size) {
		size_t len, zeros;

		skip_stored_hole(s, pos);
		len = (size_t)smaller(CHUNK, s->size - *pos);
		if (len == 0)
			break;
		if (tar_source_read(s, *pos, data, len, err) < 0)
			return -1;
		zeros = zero_blocks(data, len);
		*pos += zeros;
		if (zeros < len)
			break;
	}
	return 0;
}

/*
 * A run of HOLE_MIN covers at least one block that ends on a multiple of
 * HOLE_MIN, so those alone need to be looked at.
 */
int tar_find_holes(const struct tar_source *s, struct tar_holes *ret,
		   struct error *err)
{
	uint64_t floor = 0, probe = HOLE_MIN - GRAIN;

	*ret = (struct tar_holes){ .min = HOLE_MIN };
	while (probe < s->size) {
		uint64_t start = probe, end = probe;
		int zero = block_is_zero(s, probe, err);

		if (zero < 0)
			return -1;
		if (zero) {
			if (extend_back(s, floor, &start, err) < 0 ||
			    extend_forward(s, &end, err) < 0 ||
			    add_hole(ret, start, end, err) < 0)
				return -1;
			if (end == s->size)
				break;
			floor = end;
			probe = end / HOLE_MIN * HOLE_MIN - GRAIN;
		}
		probe += HOLE_MIN;
	}
	return 0;
}
