/*
 * Of all places that began with the same bytes the latest is remembered, in two
 * tables: by LONG bytes, which finds what pays most, and by SHORT.
 */
#include "store/gzip_quick.h"

#include <stdlib.h>

#include "store/base/bytes.h"
#include "store/deflate_block.h"
#include "store/gzip_member.h"

#define LONG	   8
#define SHORT	   4
#define TABLE_BITS 14

/* A repetition of SHORT bytes farther than this costs what they would. */
#define SHORT_DISTANCE_MAX 8192

/*
 * After each 1 << SKIP_BITS places without a repetition, one more of them is
 * passed over each time.
 */
#define SKIP_BITS 5

/* A block ends where its codes may have become others. */
#define BLOCK_SYMBOLS ((size_t)10000)
#define BLOCK_LEN     ((size_t)128 << 10)

/* Places are remembered with so many bytes behind them. */
#define MARGIN 16

/*
 * Places are counted from here, and stay the same modulo 65536: what tables
 * hold at the start is too far away, until it is a place like others.
 */
#define FIRST_PLACE (DEFLATE_DISTANCE_MAX + 1)

struct gzip_quick {
	uint16_t by_long[1 << TABLE_BITS];
	uint16_t by_short[1 << TABLE_BITS];
	struct deflate_match matches[BLOCK_SYMBOLS];
	struct deflate_block block;
};

struct gzip_quick *gzip_quick_new(void)
{
	return malloc(sizeof(struct gzip_quick));
}

void gzip_quick_free(struct gzip_quick *q)
{
	free(q);
}

size_t gzip_quick_bound(size_t len)
{
	size_t n = len / BLOCK_SYMBOLS + 1;

	return GZIP_MEMBER_SIZE + len + n * deflate_block_bound(0) +
	       deflate_block_bound(len) - len;
}

/* Where the first `n` of these eight bytes are remembered. */
static inline size_t slot(uint64_t bytes, unsigned n)
{
	return (size_t)((bytes << (64 - 8 * n)) * 0x9e3779b97f4a7c15u >>
			(64 - TABLE_BITS));
}

struct input {
	const uint8_t *data;
	const uint8_t *end;
};

static inline uint16_t place(const struct input *in, const uint8_t *p)
{
	return (uint16_t)(p - in->data + FIRST_PLACE);
}

static inline void remember(struct gzip_quick *q, const struct input *in,
			    const uint8_t *p)
{
	uint64_t bytes = load_le64(p);

	q->by_long[slot(bytes, LONG)] = place(in, p);
	q->by_short[slot(bytes, SHORT)] = place(in, p);
}

struct match {
	unsigned len; /* 0: none */
	unsigned distance_less1;
};

/* How far `p` goes on like `from`, which it does for eight bytes. */
static inline unsigned count_same(const uint8_t *p, const uint8_t *from,
				  const uint8_t *end)
{
	size_t left = (size_t)(end - p);
	unsigned max =
		left < DEFLATE_LEN_MAX ? (unsigned)left : DEFLATE_LEN_MAX;
	unsigned n = 8;

	for (; n + 8 <= max; n += 8) {
		uint64_t differ = load_le64(p + n) ^ load_le64(from + n);

		if (differ)
			return n + (unsigned)__builtin_ctzll(differ) / 8;
	}
	while (n < max && p[n] == from[n])
		n++;
	return n;
}

/* Look up `p`, where `bytes` are, by `n` of them, and remember it. */
static inline struct match look(uint16_t *table, unsigned n,
				const struct input *in, const uint8_t *p,
				uint64_t bytes)
{
	uint16_t here = place(in, p), *last = &table[slot(bytes, n)];
	unsigned less1 = (uint16_t)(here - *last - 1);
	const uint8_t *from;
	uint64_t differ;

	*last = here;
	if (less1 >= DEFLATE_DISTANCE_MAX)
		return (struct match){ 0 };
	from = p - less1 - 1;
	differ = load_le64(from) ^ bytes;
	if (differ << (64 - 8 * n))
		return (struct match){ 0 };
	return (struct match){
		.len = differ ? (unsigned)__builtin_ctzll(differ) / 8
			      : count_same(p, from, in->end),
		.distance_less1 = less1,
	};
}

static inline struct match look_long(struct gzip_quick *q,
				     const struct input *in, const uint8_t *p)
{
	return look(q->by_long, LONG, in, p, load_le64(p));
}

static inline struct match look_short(struct gzip_quick *q,
				      const struct input *in, const uint8_t *p)
{
	struct match m = look(q->by_short, SHORT, in, p, load_le64(p));

	if (m.len == SHORT && m.distance_less1 >= SHORT_DISTANCE_MAX)
		m.len = 0;
	return m;
}

/* Enough to find the next repetition of the same kind. */
static inline void remember_within(struct gzip_quick *q, const struct input *in,
				   const uint8_t *begin, const uint8_t *end)
{
	for (unsigned i = 1; i <= 3; i++) {
		remember(q, in, begin + i);
		remember(q, in, end - i);
	}
}

/* What the loop over a block carries along. */
struct scan {
	const uint8_t *p;
	const uint8_t *done; /* in matches up to here */
	const uint8_t *end;  /* nothing is looked up from here on */
	size_t symbols;
	size_t misses; /* in a row */
};

static inline void pass_literal(struct gzip_quick *q, struct scan *s)
{
	q->block.literals[*s->p++]++;
}

static inline void miss(struct gzip_quick *q, struct scan *s)
{
	size_t skip = s->misses++ >> SKIP_BITS;

	pass_literal(q, s);
	for (; skip > 0 && s->p < s->end; skip--)
		pass_literal(q, s);
}

static inline void take(struct gzip_quick *q, const struct input *in,
			struct scan *s, struct match m)
{
	size_t literals = (size_t)(s->p - s->done);

	q->matches[q->block.n_matches++] = (struct deflate_match){
		.literals = (uint32_t)literals,
		.len = (uint16_t)m.len,
		.distance_less1 = (uint16_t)m.distance_less1,
	};
	deflate_block_count(&q->block, m.len, m.distance_less1);
	s->done = s->p + m.len;
	if (s->done < s->end)
		remember_within(q, in, s->p, s->done);
	s->p = s->done;
	s->symbols += literals + 1;
	s->misses = m.len >= LONG ? 0 : s->misses / 2;
}

/* A short one gives way to a longer one that begins a byte later. */
static inline struct match improve(struct gzip_quick *q, const struct input *in,
				   struct scan *s, struct match m)
{
	struct match later = look_long(q, in, s->p + 1);

	if (later.len <= m.len)
		return m;
	pass_literal(q, s);
	return later;
}

static inline void step(struct gzip_quick *q, const struct input *in,
			struct scan *s)
{
	struct match m = look_long(q, in, s->p);

	if (m.len) {
		q->by_short[slot(load_le64(s->p), SHORT)] = place(in, s->p);
		take(q, in, s, m);
		return;
	}
	m = look_short(q, in, s->p);
	if (m.len)
		take(q, in, s, improve(q, in, s, m));
	else
		miss(q, s);
}

/* Nothing is looked up so close to the end that it could not be loaded. */
static const uint8_t *find_end(const struct input *in, const uint8_t *p)
{
	size_t left = (size_t)(in->end - p);

	if (left <= MARGIN)
		return p;
	return p + (left - MARGIN < BLOCK_LEN ? left - MARGIN : BLOCK_LEN);
}

/* Gather a block that begins with `p`; returns where the next one does. */
static const uint8_t *gather(struct gzip_quick *q, const struct input *in,
			     const uint8_t *p)
{
	struct scan s = { .p = p, .done = p, .end = find_end(in, p) };

	memset(&q->block, 0, sizeof(q->block));
	q->block.matches = q->matches;
	while (s.p < s.end && s.symbols < BLOCK_SYMBOLS)
		step(q, in, &s);
	if (in->end - s.p <= MARGIN)
		while (s.p < in->end)
			pass_literal(q, &s);
	q->block.len = (size_t)(s.p - p);
	return s.p;
}

size_t gzip_quick(struct gzip_quick *q, const uint8_t *data, size_t len,
		  uint8_t *out)
{
	struct deflate_bits bits = { .out = gzip_member_begin(out) };
	struct input in = { data, data + len };
	const uint8_t *p = data;

	memset(q->by_long, 0, sizeof(q->by_long));
	memset(q->by_short, 0, sizeof(q->by_short));
	do {
		const uint8_t *next = gather(q, &in, p);

		deflate_block_put(&bits, &q->block, p, next == in.end);
		p = next;
	} while (p < in.end);
	return (size_t)(gzip_member_end(bits.out, data, len) - out);
}
