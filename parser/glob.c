#include "parser/glob.h"

#include <string.h>

#include "store/base/rune.h"

/* One character of a set, after its escape; NULL when there is none. */
static const char *set_char(const char *p, const char *end, const char **c,
			    size_t *len)
{
	if (p < end && (*p == '-' || *p == ']'))
		return NULL;
	if (p < end && *p == '\\')
		p++;
	if (p >= end)
		return NULL;
	*c = p;
	*len = rune_len(p, end);
	return p + *len;
}

/* Order of characters: UTF-8 sorts like its code points. */
static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t len = a_len < b_len ? a_len : b_len;
	int order = memcmp(a, b, len);

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

/*
 * Read the set that begins behind '[' at `p`. Returns its end (behind ']'), or
 * NULL when it is malformed. `*hit` says whether it takes the character `c`,
 * which may be NULL for a mere check of the form.
 */
static const char *read_set(const char *p, const char *end, const char *c,
			    size_t c_len, bool *hit)
{
	bool negated = p < end && *p == '^', found = false, any = false;

	p += negated;
	while (!(any && p < end && *p == ']')) {
		const char *low, *high;
		size_t low_len, high_len;

		p = set_char(p, end, &low, &low_len);
		if (!p)
			return NULL;
		high = low;
		high_len = low_len;
		if (p < end && *p == '-') {
			p = set_char(p + 1, end, &high, &high_len);
			if (!p)
				return NULL;
		}
		any = true;
		if (c && compare(low, low_len, c, c_len) <= 0 &&
		    compare(c, c_len, high, high_len) <= 0)
			found = true;
		if (p >= end)
			return NULL;
	}
	*hit = found != negated;
	return p + 1;
}

bool glob_valid(const char *pattern, size_t len)
{
	const char *p = pattern, *end = p + len;
	bool hit;

	while (p < end) {
		if (*p == '\\') {
			if (++p == end)
				return false;
			p++;
		} else if (*p == '[') {
			p = read_set(p + 1, end, NULL, 0, &hit);
			if (!p)
				return false;
		} else {
			p++;
		}
	}
	return true;
}

struct cursor {
	const char *p;
	const char *end;
	const char *text;
	const char *text_end;
};

/* Match one pattern element that is no star; both sides advance on success. */
static bool match_one(struct cursor *c)
{
	size_t len = rune_len(c->text, c->text_end);
	bool hit;

	switch (*c->p) {
	case '?':
		hit = *c->text != '/';
		c->p++;
		break;
	case '[':
		c->p = read_set(c->p + 1, c->end, c->text, len, &hit);
		if (!c->p)
			return false;
		hit = hit && *c->text != '/';
		break;
	default:
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
		hit = *c->p++ == *c->text;
		len = 1;
	}
	c->text += len;
	return hit;
}

/*
 * Only the last star needs to be tried again: what lies between two stars is
 * best placed as early as possible, and no star reaches over a slash.
 */
bool glob_matches(const char *pattern, size_t pattern_len, const char *text,
		  size_t text_len)
{
	struct cursor c = { pattern, pattern + pattern_len, text,
			    text + text_len };
	const char *star = NULL, *star_text = NULL;

	while (c.p < c.end || c.text < c.text_end) {
		if (c.p < c.end && *c.p == '*') {
			star = ++c.p;
			star_text = c.text;
			continue;
		}
		if (c.p < c.end && c.text < c.text_end && match_one(&c))
			continue;
		if (!star || star_text >= c.text_end || *star_text == '/')
			return false;
		star_text += rune_len(star_text, c.text_end);
		c.p = star;
		c.text = star_text;
	}
	return true;
}

int glob_match(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	if (!glob_valid(pattern, len))
		return -1;
	return glob_matches(pattern, len, path, strlen(path));
}

bool glob_has_magic(const char *word)
{
	for (; *word; word++) {
		if (strchr("*?[", *word))
			return true;
		if (*word == '\\' && word[1])
			word++;
	}
	return false;
}
