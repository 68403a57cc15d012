/*
 * Values and patterns are turned into arrays of characters first, so that one
 * element is what '?' stands for and a suffix is a prefix of the reversed
 * arrays. A pattern is runs of such elements with stars between them; each
 * run is placed at its first possible position (the last run at its last one
 * for the longest match), which needs no backtracking.
 */
#include "parser/substitute.h"

#include <stdint.h>
#include <string.h>

#include "store/base/rune.h"

/* An element is the up to four bytes of a character, or one of these. */
#define ANY_ONE	 0x01fffffeu
#define ANY_TEXT 0x01ffffffu

struct runes {
	uint32_t *items;
	size_t len;
};

static void runes_release(struct runes *r)
{
	free(r->items);
}
DEFINE_RELEASE(struct runes, runes_release);

/*
 * The bytes of a character as one number. Its highest byte cannot be 0x01 for
 * four bytes, so the numbers above are free.
 */
static uint32_t pack(const char *p, size_t len)
{
	uint32_t packed = 0;
	size_t i;

	for (i = 0; i < len; i++)
		packed = packed << 8 | (unsigned char)p[i];
	return packed;
}

static void append_packed(struct buf *out, uint32_t packed)
{
	char bytes[4];
	size_t len = 0;
	int shift;

	for (shift = 24; shift >= 0; shift -= 8)
		if (packed >> shift || shift == 0)
			bytes[len++] = (char)(packed >> shift);
	buf_append(out, bytes, len);
}

static void append_range(struct buf *out, const struct runes *r, size_t from,
			 size_t to)
{
	for (; from < to; from++)
		append_packed(out, r->items[from]);
}

static int runes_alloc(struct runes *r, size_t bytes, struct error *err)
{
	r->items = calloc(bytes + 1, sizeof(*r->items));
	return r->items ? 0 : error_nomem(err, "substituting text");
}

static int split_value(struct runes *r, const char *text, struct error *err)
{
	const char *p = text, *end = text + strlen(text);
	size_t len;

	if (runes_alloc(r, (size_t)(end - p), err) < 0)
		return -1;
	for (; p < end; p += len) {
		len = rune_len(p, end);
		r->items[r->len++] = pack(p, len);
	}
	return 0;
}

static int split_pattern(struct runes *r, const char *text, char escape,
			 struct error *err)
{
	const char *p = text, *end = text + strlen(text);
	size_t len;

	if (runes_alloc(r, (size_t)(end - p), err) < 0)
		return -1;
	for (; p < end; p += len) {
		if (*p == escape && p + 1 < end)
			p++;
		else if (*p == '*' || *p == '?') {
			r->items[r->len++] = *p == '*' ? ANY_TEXT : ANY_ONE;
			len = 1;
			continue;
		}
		len = rune_len(p, end);
		r->items[r->len++] = pack(p, len);
	}
	return 0;
}

static void reverse(struct runes *r)
{
	size_t i;

	for (i = 0; i < r->len / 2; i++) {
		uint32_t item = r->items[i];

		r->items[i] = r->items[r->len - 1 - i];
		r->items[r->len - 1 - i] = item;
	}
}

/* A stretch of a pattern without ANY_TEXT. */
struct run {
	const uint32_t *items;
	size_t len;
};

static struct run run_at(const struct runes *pattern, size_t from)
{
	struct run run = { pattern->items + from, 0 };

	while (from + run.len < pattern->len && run.items[run.len] != ANY_TEXT)
		run.len++;
	return run;
}

static bool run_matches(const struct run *run, const uint32_t *text)
{
	size_t i;

	for (i = 0; i < run->len; i++)
		if (run->items[i] != text[i] && run->items[i] != ANY_ONE)
			return false;
	return true;
}

/* First position from `from` on where the run matches, or -1. */
static ptrdiff_t find_first(const struct run *run, const struct runes *value,
			    size_t from)
{
	for (; from + run->len <= value->len; from++)
		if (run_matches(run, value->items + from))
			return (ptrdiff_t)from;
	return -1;
}

/* Last position not before `from`, or -1. */
static ptrdiff_t find_last(const struct run *run, const struct runes *value,
			   size_t from)
{
	size_t at;

	if (run->len > value->len)
		return -1;
	for (at = value->len - run->len + 1; at-- > from;)
		if (run_matches(run, value->items + at))
			return (ptrdiff_t)at;
	return -1;
}

/* End of the match of the whole pattern that begins at `start`, or -1. */
static ptrdiff_t match_at(const struct runes *pattern,
			  const struct runes *value, size_t start, bool longest)
{
	struct run run = run_at(pattern, 0);
	size_t used = run.len, at = start;

	if (start + run.len > value->len ||
	    !run_matches(&run, value->items + start))
		return -1;
	at += run.len;
	while (used < pattern->len) {
		ptrdiff_t hit;
		bool last;

		run = run_at(pattern, used + 1);
		used += 1 + run.len;
		last = used == pattern->len;
		hit = last && longest ? find_last(&run, value, at)
				      : find_first(&run, value, at);
		if (hit < 0)
			return -1;
		at = (size_t)hit + run.len;
	}
	return (ptrdiff_t)at;
}

int substitute_trim(struct buf *out, const char *value, const char *pattern,
		    char escape, enum trim_flags flags, struct error *err)
{
	AUTO(runes_release) struct runes v = { 0 }, p = { 0 };
	bool suffix = flags & TRIM_SUFFIX;
	ptrdiff_t end;

	if (split_value(&v, value, err) < 0 ||
	    split_pattern(&p, pattern, escape, err) < 0)
		return -1;
	if (suffix) {
		reverse(&v);
		reverse(&p);
	}
	end = match_at(&p, &v, 0, flags & TRIM_LONGEST);
	if (end < 0)
		end = 0;
	if (suffix)
		reverse(&v);
	if (suffix)
		append_range(out, &v, 0, v.len - (size_t)end);
	else
		append_range(out, &v, (size_t)end, v.len);
	return 0;
}

struct match {
	size_t start;
	size_t end;
};

/*
 * The leftmost match at or after `from`. When the rest of the pattern does
 * not fit behind the first place of its first run, it fits behind no later
 * one either.
 */
static bool find_match(const struct runes *pattern, const struct runes *value,
		       size_t from, struct match *ret)
{
	struct run run = run_at(pattern, 0);
	ptrdiff_t start = find_first(&run, value, from), end;

	if (start < 0)
		return false;
	end = match_at(pattern, value, (size_t)start, true);
	if (end < 0)
		return false;
	*ret = (struct match){ (size_t)start, (size_t)end };
	return true;
}

int substitute_replace(struct buf *out, const char *value, const char *pattern,
		       char escape, const char *text, bool all, size_t max,
		       struct error *err)
{
	AUTO(runes_release) struct runes v = { 0 }, p = { 0 };
	size_t last_end = 0, from = 0, before = out->len;
	struct match m;

	if (split_value(&v, value, err) < 0 ||
	    split_pattern(&p, pattern, escape, err) < 0)
		return -1;
	while (from <= v.len && find_match(&p, &v, from, &m)) {
		append_range(out, &v, last_end, m.start);
		/* An empty match right behind another one does not count. */
		if (m.end > last_end || m.start == 0)
			buf_append_str(out, text);
		last_end = m.end;
		if (out->len - before > max)
			return error_set(err, ERROR_DOCKERFILE,
					 "the result is too long");
		if (!all)
			break;
		from = m.start == m.end ? m.end + 1 : m.end;
	}
	append_range(out, &v, last_end, v.len);
	return 0;
}
