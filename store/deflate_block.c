#include "store/deflate_block.h"

#include "store/deflate_lengths.h"
#include "store/huffman.h"

#define STORED_MAX ((size_t)65535)

/* Codes no longer than this fit four at a time between two flushes. */
#define CODE_MAX 14

#define END_CODE     256
#define LENGTH_CODES 257
#define N_CODES	     286

/* Ready to be written, extra bits included. */
struct item {
	uint32_t bits;
	uint32_t n;
};

struct codes {
	uint32_t counts[N_CODES];
	uint8_t lengths[N_CODES];
	uint16_t codes[N_CODES];
	uint32_t distance_counts[DEFLATE_N_DISTANCES];
	uint8_t distance_lengths[DEFLATE_N_DISTANCES];
	uint16_t distance_codes[DEFLATE_N_DISTANCES];
};

size_t deflate_block_bound(size_t len)
{
	/* Bits of the block before may need a byte of their own. */
	return len + (len / STORED_MAX + 1) * 5 + 1 + DEFLATE_BITS_SLACK;
}

/* The code of a length, and how many low bits of length - 3 follow. */
static unsigned length_code(unsigned len, unsigned *extra_bits)
{
	unsigned less3 = len - 3;
	unsigned top = 31 - (unsigned)__builtin_clz(less3 | 4);

	*extra_bits = len == DEFLATE_LEN_MAX ? 0 : top - 2;
	if (len == DEFLATE_LEN_MAX)
		return N_CODES - 1;
	return LENGTH_CODES + 4 * (top - 1) + (less3 >> (top - 2) & 3) -
	       (less3 < 4 ? 4 : 0);
}

/* Returns how many extra bits there will be in all. */
static uint64_t count_lengths(const struct deflate_block *b, uint32_t *counts)
{
	uint64_t extra = 0;

	for (unsigned len = 3; len <= DEFLATE_LEN_MAX; len++) {
		unsigned extra_bits, code = length_code(len, &extra_bits);

		counts[code] += b->lengths[len];
		extra += (uint64_t)b->lengths[len] * extra_bits;
	}
	return extra;
}

static uint64_t count_distances(const struct deflate_block *b, uint32_t *counts)
{
	uint64_t extra = 0;

	memcpy(counts, b->distances, sizeof(b->distances));
	for (unsigned i = 4; i < DEFLATE_N_DISTANCES; i++)
		extra += (uint64_t)counts[i] * (i / 2 - 1);
	return extra;
}

/* A code with a single symbol is not what every reader takes. */
static void want_two(uint32_t *counts, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		used += counts[i] > 0;
	for (size_t i = 0; used < 2; i++)
		if (!counts[i]) {
			counts[i] = 1;
			used++;
		}
}

static uint64_t sum(const uint32_t *counts, const uint8_t *lengths, size_t n)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < n; i++)
		ret += (uint64_t)counts[i] * lengths[i];
	return ret;
}

/* Returns the bits of what follows the block's header. */
static uint64_t make_codes(const struct deflate_block *b, struct codes *c)
{
	uint64_t bits;

	memset(c->counts, 0, sizeof(c->counts));
	memcpy(c->counts, b->literals, sizeof(b->literals));
	c->counts[END_CODE] = 1;
	bits = count_lengths(b, c->counts) +
	       count_distances(b, c->distance_counts);
	want_two(c->counts, N_CODES);
	want_two(c->distance_counts, DEFLATE_N_DISTANCES);
	huffman_lengths(c->counts, N_CODES, CODE_MAX, c->lengths);
	huffman_lengths(c->distance_counts, DEFLATE_N_DISTANCES, CODE_MAX,
			c->distance_lengths);
	return bits + sum(c->counts, c->lengths, N_CODES) +
	       sum(c->distance_counts, c->distance_lengths,
		   DEFLATE_N_DISTANCES);
}

static void put_literal_items(const struct codes *c, struct item *items)
{
	for (size_t i = 0; i < 256; i++)
		items[i] = (struct item){ c->codes[i], c->lengths[i] };
}

static void put_length_items(const struct codes *c, struct item *items)
{
	for (unsigned len = 3; len <= DEFLATE_LEN_MAX; len++) {
		unsigned extra_bits, code = length_code(len, &extra_bits);
		uint32_t extra = (len - 3) & ((1u << extra_bits) - 1);

		items[len].bits = c->codes[code] | extra << c->lengths[code];
		items[len].n = c->lengths[code] + extra_bits;
	}
}

/* Everything a block's contents are written with. */
struct writer {
	struct item literals[256];
	struct item lengths[DEFLATE_LEN_MAX + 1];
	struct item distances[DEFLATE_N_DISTANCES];
};

static void make_writer(struct codes *c, struct writer *w)
{
	huffman_codes(c->lengths, N_CODES, c->codes);
	huffman_codes(c->distance_lengths, DEFLATE_N_DISTANCES,
		      c->distance_codes);
	put_literal_items(c, w->literals);
	put_length_items(c, w->lengths);
	for (size_t i = 0; i < DEFLATE_N_DISTANCES; i++)
		w->distances[i] = (struct item){ c->distance_codes[i],
						 c->distance_lengths[i] };
}

static inline void put(struct deflate_bits *bits, struct item item)
{
	deflate_bits_add(bits, item.bits, item.n);
}

/* Two by two, so that the processor need not wait for each to be in place. */
static inline void put_four(struct deflate_bits *bits, const struct item *of,
			    const uint8_t *p)
{
	struct item a = of[p[0]], b = of[p[1]], c = of[p[2]], d = of[p[3]];
	uint64_t ab = a.bits | (uint64_t)b.bits << a.n;
	uint64_t cd = c.bits | (uint64_t)d.bits << c.n;

	deflate_bits_add(bits, ab | cd << (a.n + b.n), a.n + b.n + c.n + d.n);
	deflate_bits_flush(bits);
}

/* All but the last of them, if that is a single one. */
static inline const uint8_t *put_literals(struct deflate_bits *bits,
					  const struct item *of,
					  const uint8_t *p, size_t n)
{
	for (; n >= 4; n -= 4, p += 4)
		put_four(bits, of, p);
	if (n >= 2) {
		put(bits, of[p[0]]);
		put(bits, of[p[1]]);
		if (n == 3)
			put(bits, of[p[2]]);
		deflate_bits_flush(bits);
		p += n;
	}
	return p;
}

static inline void put_distance(struct deflate_bits *bits,
				const struct item *of, unsigned less1)
{
	unsigned extra_bits, code = deflate_distance_code(less1, &extra_bits);
	uint64_t extra = less1 & ((1u << extra_bits) - 1);

	deflate_bits_add(bits, of[code].bits | extra << of[code].n,
			 of[code].n + extra_bits);
}

/*
 * None or one literal is the usual case, and which of both it will be nothing a
 * processor could foresee: told apart without a branch.
 */
static inline const uint8_t *put_match(struct deflate_bits *bits,
				       const struct writer *w,
				       const struct deflate_match *m,
				       const uint8_t *p)
{
	const uint8_t *begin = p + m->literals;
	struct item literal;
	uint32_t keep;

	if (m->literals > 1)
		p = put_literals(bits, w->literals, p, m->literals);
	keep = p != begin ? ~(uint32_t)0 : 0;
	literal = w->literals[*p];
	deflate_bits_add(bits, literal.bits & keep, literal.n & keep);
	put(bits, w->lengths[m->len]);
	deflate_bits_flush(bits);
	put_distance(bits, w->distances, m->distance_less1);
	deflate_bits_flush(bits);
	return begin + m->len;
}

static void put_contents(struct deflate_bits *to, const struct writer *w,
			 const struct deflate_block *b, const uint8_t *data,
			 struct item end)
{
	const uint8_t *p = data, *data_end = data + b->len;
	struct deflate_bits bits = *to; /* in registers */

	for (size_t i = 0; i < b->n_matches; i++)
		p = put_match(&bits, w, &b->matches[i], p);
	p = put_literals(&bits, w->literals, p, (size_t)(data_end - p));
	if (p != data_end)
		put(&bits, w->literals[*p]);
	put(&bits, end);
	deflate_bits_flush(&bits);
	*to = bits;
}

void deflate_block_put(struct deflate_bits *bits, const struct deflate_block *b,
		       const uint8_t *data, bool last)
{
	struct deflate_lengths lengths;
	struct codes c;
	struct writer w;
	uint64_t size = make_codes(b, &c);

	deflate_lengths_plan(c.lengths, N_CODES, c.distance_lengths,
			     DEFLATE_N_DISTANCES, &lengths);
	if (3 + deflate_lengths_bits(&lengths) + size >
	    (b->len + b->len / STORED_MAX * 5 + 4) * 8) {
		deflate_block_put_stored(bits, data, b->len, last);
		return;
	}
	make_writer(&c, &w);
	deflate_bits_add(bits, last, 1);
	deflate_bits_add(bits, 2, 2);
	deflate_lengths_put(&lengths, bits);
	put_contents(bits, &w, b, data,
		     (struct item){ c.codes[END_CODE], c.lengths[END_CODE] });
	if (last)
		deflate_bits_align(bits);
}

static void put_stored_head(struct deflate_bits *bits, size_t len, bool last)
{
	uint32_t size = (uint32_t)len;

	deflate_bits_add(bits, last, 3);
	deflate_bits_align(bits);
	deflate_bits_add(bits, size | (~size & 0xffff) << 16, 32);
	deflate_bits_flush(bits);
}

void deflate_block_put_stored(struct deflate_bits *bits, const uint8_t *data,
			      size_t len, bool last)
{
	for (;;) {
		size_t n = len < STORED_MAX ? len : STORED_MAX;

		put_stored_head(bits, n, last && n == len);
		memcpy(bits->out, data, n);
		bits->out += n;
		data += n;
		len -= n;
		if (!len)
			return;
	}
}
