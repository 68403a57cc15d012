#include <stdlib.h>
#include <string.h>

#include "parser/ignore.h"
#include "store/base/array.h"
#include "store/base/path.h"
#include "store/base/rune.h"

char *ignore_clean(const char *text)
{
	const char *p = text, *end = text + strlen(text), *rooted;
	autofree char *name = NULL, *clean = NULL;
	bool exception;
	char *result;

	blank_trim(&p, &end);
	exception = p < end && *p == '!';
	p = exception ? blank_skip(p + 1, end) : p;
	/* A lone "!" stays for ignore_new() to refuse. */
	if (p == end)
		return strdup(exception ? "!" : "");
	name = strndup(p, (size_t)(end - p));
	clean = name ? path_clean(name) : NULL;
	if (!clean)
		return NULL;
	rooted = clean[0] == '/' && clean[1] ? clean + 1 : clean;
	if (asprintf(&result, "%s%s", exception ? "!" : "", rooted) < 0)
		return NULL;
	return result;
}

struct line_numbers {
	int *items;
	size_t len;
	size_t capacity;
	bool failed;
};

static void line_numbers_release(struct line_numbers *n)
{
	free(n->items);
}
DEFINE_RELEASE(struct line_numbers, line_numbers_release);

static void add_number(struct line_numbers *n, int number)
{
	int *items = array_room(n->items, n->len, &n->capacity, sizeof(*items));

	if (!items) {
		n->failed = true;
		return;
	}
	n->items = items;
	n->items[n->len++] = number;
}

static const char *skip_mark(const char *data, size_t size)
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };

	return size >= sizeof(mark) && !memcmp(data, mark, sizeof(mark))
		       ? data + sizeof(mark)
		       : data;
}

/* One line of the file, its pattern if it has one. */
static int read_line(const char *p, const char *end, struct strv *patterns,
		     bool *found, struct error *err)
{
	autofree char *text = NULL;

	*found = false;
	/* Only in the first column: " #x" is a pattern. */
	if (p < end && *p == '#')
		return 0;
	if (memchr(p, '\0', (size_t)(end - p)))
		return error_set(err, ERROR_DOCKERFILE,
				 "an ignore pattern must not hold a NUL "
				 "character");
	blank_trim(&p, &end);
	if (p == end)
		return 0;
	text = strndup(p, (size_t)(end - p));
	strv_take(patterns, text ? ignore_clean(text) : NULL);
	*found = true;
	return strv_check(patterns, "reading ignore patterns", err);
}

int ignorefile_read(const char *data, size_t size, struct strv *patterns,
		    int **lines, struct error *err)
{
	const char *end = data + size, *p = skip_mark(data, size), *stop;
	AUTO(line_numbers_release) struct line_numbers numbers = { 0 };
	int number = 0;
	bool found;

	for (; p < end; p = stop < end ? stop + 1 : end) {
		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop ? stop : end;
		number++;
		if (read_line(p, stop, patterns, &found, err) < 0)
			return error_at_lines(err, number, number);
		if (found)
			add_number(&numbers, number);
	}
	if (numbers.failed)
		return error_nomem(err, "reading ignore patterns");
	if (lines)
		*lines = steal_pointer(&numbers.items);
	return 0;
}
