#include "store/huffman.h"

#include <stdbool.h>
#include <string.h>

/* A symbol, or the root of a tree of them. */
struct node {
	uint32_t count;
	uint16_t symbol;
	uint16_t parent;
};

/* By the digit of their counts that `shift` tells; equals stay in order. */
static void sort_by_digit(const struct node *from, size_t n, unsigned shift,
			  struct node *to)
{
	uint16_t place[256] = { 0 };
	uint16_t next = 0;

	for (size_t i = 0; i < n; i++)
		place[from[i].count >> shift & 0xff]++;
	for (size_t i = 0; i < 256; i++) {
		uint16_t here = place[i];

		place[i] = next;
		next = (uint16_t)(next + here);
	}
	for (size_t i = 0; i < n; i++)
		to[place[from[i].count >> shift & 0xff]++] = from[i];
}

static void sort_nodes(struct node *nodes, size_t n, uint32_t max)
{
	struct node other[HUFFMAN_SYMBOLS_MAX];

	for (unsigned shift = 0; shift < 32 && max >> shift; shift += 16) {
		sort_by_digit(nodes, n, shift, other);
		sort_by_digit(other, n, shift + 8, nodes);
	}
}

static size_t list_leaves(const uint32_t *counts, size_t n, struct node *nodes)
{
	size_t n_leaves = 0;
	uint32_t max = 0;

	for (size_t i = 0; i < n; i++)
		if (counts[i]) {
			nodes[n_leaves++] = (struct node){
				.count = counts[i],
				.symbol = (uint16_t)i,
			};
			max = counts[i] > max ? counts[i] : max;
		}
	sort_nodes(nodes, n_leaves, max);
	return n_leaves;
}

/* Two queues of nodes, each in the order of counts. */
struct queues {
	size_t leaf, n_leaves;
	size_t joined, end;
};

static size_t take_rarest(struct queues *q, const struct node *nodes)
{
	bool is_leaf = q->leaf < q->n_leaves &&
		       (q->joined == q->end ||
			nodes[q->leaf].count <= nodes[q->joined].count);

	return is_leaf ? q->leaf++ : q->joined++;
}

/* Join the two rarest until one is left; what is joined comes about in order.
 */
static void join(struct node *nodes, size_t n_leaves)
{
	struct queues q = { .n_leaves = n_leaves,
			    .joined = n_leaves,
			    .end = n_leaves };

	for (; q.end < 2 * n_leaves - 1; q.end++) {
		size_t a = take_rarest(&q, nodes), b = take_rarest(&q, nodes);

		nodes[q.end].count = nodes[a].count + nodes[b].count;
		nodes[a].parent = nodes[b].parent = (uint16_t)q.end;
	}
}

/* How many codes there are of each length; too long ones become `max`. */
static void count_lengths(const struct node *nodes, size_t n_leaves,
			  unsigned max, uint32_t *n_of)
{
	uint8_t depth[2 * HUFFMAN_SYMBOLS_MAX];

	memset(n_of, 0, (max + 1) * sizeof(*n_of));
	depth[2 * n_leaves - 2] = 0;
	for (size_t i = 2 * n_leaves - 2; i-- > 0;) {
		depth[i] = (uint8_t)(depth[nodes[i].parent] + 1);
		if (i < n_leaves)
			n_of[depth[i] < max ? depth[i] : max]++;
	}
}

/*
 * Until all codes fit, one of the longest gets the place beside a shorter one,
 * both a bit longer than that was. Nothing stays unused: readers want that.
 */
static void make_fit(unsigned max, uint32_t *n_of)
{
	uint64_t used = 0;

	for (unsigned len = 1; len <= max; len++)
		used += (uint64_t)n_of[len] << (max - len);
	for (; used > (uint64_t)1 << max; used--) {
		unsigned len = max - 1;

		while (!n_of[len])
			len--;
		n_of[len]--;
		n_of[len + 1] += 2;
		n_of[max]--;
	}
}

void huffman_lengths(const uint32_t *counts, size_t n, unsigned max,
		     uint8_t *lengths)
{
	struct node nodes[2 * HUFFMAN_SYMBOLS_MAX] = { { 0 } };
	uint32_t n_of[16];
	size_t n_leaves = list_leaves(counts, n, nodes), i = 0;

	join(nodes, n_leaves);
	count_lengths(nodes, n_leaves, max, n_of);
	make_fit(max, n_of);
	memset(lengths, 0, n);
	/* The rarest come first and get the longest. */
	for (unsigned len = max; len > 0; len--)
		for (uint32_t k = 0; k < n_of[len]; k++)
			lengths[nodes[i++].symbol] = (uint8_t)len;
}

/* Neighbours change places: bits, pairs of them, fours and eights. */
static uint16_t reverse(uint16_t code, unsigned len)
{
	uint32_t v = code;

	v = (v & 0x5555) << 1 | (v >> 1 & 0x5555);
	v = (v & 0x3333) << 2 | (v >> 2 & 0x3333);
	v = (v & 0x0f0f) << 4 | (v >> 4 & 0x0f0f);
	v = (v & 0x00ff) << 8 | v >> 8;
	return (uint16_t)(v >> (16 - len));
}

void huffman_codes(const uint8_t *lengths, size_t n, uint16_t *codes)
{
	uint16_t next[16] = { 0 }, n_of[16] = { 0 };

	for (size_t i = 0; i < n; i++)
		n_of[lengths[i]]++;
	n_of[0] = 0;
	for (unsigned len = 1; len < 16; len++)
		next[len] = (uint16_t)((next[len - 1] + n_of[len - 1]) << 1);
	for (size_t i = 0; i < n; i++)
		codes[i] = lengths[i] ? reverse(next[lengths[i]]++, lengths[i])
				      : 0;
}
