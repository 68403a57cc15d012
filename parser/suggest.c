#include "parser/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "store/base/cleanup.h"
#include "store/base/text.h"

enum { MAX_WORD = 64, MAX_DISTANCE = 2 };

static size_t distance(const char *a, const char *b, bool any_case)
{
	char lower_a[MAX_WORD + 1], lower_b[MAX_WORD + 1];
	size_t len_a = strlen(a), len_b = strlen(b), i;

	if (!any_case)
		return text_distance(a, len_a, b, len_b);
	for (i = 0; i < len_a; i++)
		lower_a[i] = (char)tolower((unsigned char)a[i]);
	for (i = 0; i < len_b; i++)
		lower_b[i] = (char)tolower((unsigned char)b[i]);
	return text_distance(lower_a, len_a, lower_b, len_b);
}

/* Are these the same letters in another order? */
static bool is_scrambled(const char *a, const char *b)
{
	int count[256] = { 0 };
	size_t i;

	for (; *a; a++)
		count[tolower((unsigned char)*a)]++;
	for (; *b; b++)
		count[tolower((unsigned char)*b)]--;
	for (i = 0; i < ARRAY_LEN(count); i++)
		if (count[i])
			return false;
	return true;
}

/*
 * Of names equally near, the one is meant whose letters were swapped, or the
 * one with the same first letter.
 */
static bool is_better(const char *word, const char *name, const char *other)
{
	int first = tolower((unsigned char)*word);

	if (is_scrambled(word, name) != is_scrambled(word, other))
		return is_scrambled(word, name);
	return tolower((unsigned char)*name) == first &&
	       tolower((unsigned char)*other) != first;
}

/* Lengths that differ by more than the distance need no comparing. */
static bool is_comparable(size_t a, size_t b)
{
	return b <= MAX_WORD && a <= b + MAX_DISTANCE && b <= a + MAX_DISTANCE;
}

const char *suggest(const char *word, const char *const *names, size_t count,
		    bool any_case)
{
	size_t best = MAX_DISTANCE + 1, word_len = strlen(word), i;
	const char *hit = NULL;

	if (word_len > MAX_WORD)
		return NULL;
	for (i = 0; i < count; i++) {
		size_t d;

		if (!names[i] || !is_comparable(word_len, strlen(names[i])))
			continue;
		d = distance(word, names[i], any_case);
		/* Equal names: the word itself is not what is wrong. */
		if (d == 0)
			return NULL;
		if (d < best ||
		    (hit && d == best && is_better(word, names[i], hit))) {
			best = d;
			hit = names[i];
		}
	}
	return hit;
}

const char *hint(struct hint *storage, const char *suggestion)
{
	storage->text[0] = '\0';
	if (suggestion)
		snprintf(storage->text, sizeof(storage->text),
			 " (did you mean %s?)", suggestion);
	return storage->text;
}
