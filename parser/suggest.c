#include "parser/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Longer words are not worth a guess; the bound keeps the table on the stack.
 */
enum { MAX_WORD = 64, MAX_DISTANCE = 2 };

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

static bool same(char a, char b, bool any_case)
{
	if (any_case)
		return tolower((unsigned char)a) == tolower((unsigned char)b);
	return a == b;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, const char *b, bool any_case)
{
	size_t row[MAX_WORD + 1], len = strlen(b), i, j;

	for (j = 0; j <= len; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 1; j <= len; j++) {
			size_t above = row[j];
			size_t cost = !same(a[i], b[j - 1], any_case);

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + cost);
			diagonal = above;
		}
	}
	return row[len];
}

const char *suggest(const char *word, const char *const *names, size_t count,
		    bool any_case)
{
	size_t best = MAX_DISTANCE + 1, i;
	const char *hit = NULL;

	if (strlen(word) > MAX_WORD)
		return NULL;
	for (i = 0; i < count; i++) {
		size_t d;

		if (!names[i] || strlen(names[i]) > MAX_WORD)
			continue;
		d = distance(word, names[i], any_case);
		/* Equal names: the word itself is not what is wrong. */
		if (d == 0)
			return NULL;
		if (d < best) {
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
