#include "builder/sandbox/subids.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Digits up to `end`; -1 when there is anything else or too much. */
static int64_t parse_number(const char *text, const char *end)
{
	int64_t value = 0;

	if (text == end)
		return -1;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (*text - '0');
		if (value > UINT32_MAX)
			return -1;
	}
	return value;
}

static bool is_whose(const char *who, size_t len, const char *name, uint32_t id)
{
	if (name && strlen(name) == len && memcmp(who, name, len) == 0)
		return true;
	return parse_number(who, who + len) == (int64_t)id;
}

static bool overlaps(const struct subids *s, uint64_t start, uint64_t count,
		     uint32_t own)
{
	if (own >= start && own - start < count)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (start < (uint64_t)s->ranges[i].start + s->ranges[i].count &&
		    s->ranges[i].start < start + count)
			return true;
	return false;
}

static void parse_line(const char *line, const char *end, const char *name,
		       uint32_t id, uint32_t own, struct subids *ret)
{
	const char *first = memchr(line, ':', (size_t)(end - line));
	const char *second;
	int64_t start, count;

	if (!first || !is_whose(line, (size_t)(first - line), name, id))
		return;
	second = memchr(first + 1, ':', (size_t)(end - first - 1));
	if (!second || ret->n == SUBIDS_MAX)
		return;
	start = parse_number(first + 1, second);
	count = parse_number(second + 1, end);
	if (start < 0 || count <= 0 || start + count > UINT32_MAX ||
	    overlaps(ret, (uint64_t)start, (uint64_t)count, own))
		return;
	ret->ranges[ret->n].start = (uint32_t)start;
	ret->ranges[ret->n].count = (uint32_t)count;
	ret->n++;
}

void subids_parse(const char *text, const char *name, uint32_t id, uint32_t own,
		  struct subids *ret)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');

		parse_line(text, end, name, id, own, ret);
		text = *end ? end + 1 : end;
	}
}
