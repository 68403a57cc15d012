#include "builder/file_listing.h"

#include <string.h>

#include "store/base/map.h"

#define TYPE_MODE_LEN 5
#define HASH_LEN      16
#define PATH_AT	      (TYPE_MODE_LEN + 1 + HASH_LEN + 1)

static void append_line(struct buf *listing, unsigned type, unsigned mode,
			const char *hex, const char *path)
{
	buf_printf(listing, "%u%04o %.*s %s", type % 10, mode & 07777, HASH_LEN,
		   hex, path);
	buf_append(listing, "", 1);
}

static void append_node(struct buf *listing, const struct file_node *n)
{
	const struct entry *e = &n->meta;
	struct digest digest = { 0 };
	const char *hex = "----------------";

	if (e->type == ENTRY_FILE && digest_is_set(&n->digest)) {
		hex = digest_hex(&n->digest);
	} else if (e->link) {
		digest_bytes(e->link, strlen(e->link), &digest);
		hex = digest_hex(&digest);
	}
	append_line(listing, e->type, e->mode, hex, e->path);
}

static void append_source(struct buf *listing, const struct copy_source *src)
{
	struct digest digest;

	if (src->heredoc) {
		digest_bytes(src->heredoc->content, src->heredoc->len, &digest);
		append_line(listing, ENTRY_FILE, 0, digest_hex(&digest),
			    src->heredoc->name);
		return;
	}
	/* Attributes of a directory whose contents are copied do not count. */
	if (src->top->meta.type != ENTRY_DIR || *src->below)
		append_node(listing, src->top);
	for (size_t i = 0; i < src->contents.len; i++)
		append_node(listing, src->contents.items[i]);
}

void file_listing_append(struct buf *listing, const struct copy_sources *s)
{
	for (size_t i = 0; i < s->len; i++)
		append_source(listing, &s->items[i]);
}

/* The text that goes on after `line`, or NULL; a damaged end is no line. */
static const char *next_line(const struct buf *listing, const char *line)
{
	const char *end = listing->data + listing->len;

	if (!listing->len)
		return NULL;
	line = line ? line + strlen(line) + 1 : listing->data;
	if (line >= end || !memchr(line, '\0', (size_t)(end - line)) ||
	    strlen(line) < PATH_AT)
		return NULL;
	return line;
}

struct comparison {
	const char *indent;
	unsigned max;
	int n;
	struct buf *ret;
};

static void tell(struct comparison *c, const char *line, const char *what)
{
	if (c->n++ < (int)c->max)
		buf_printf(c->ret, "%sfile %s: %s\n", c->indent, line + PATH_AT,
			   what);
}

static const char *difference(const char *before, const char *now)
{
	if (*before != *now)
		return "is of another type now";
	if (memcmp(before, now, PATH_AT) == 0)
		return NULL;
	if (memcmp(before + TYPE_MODE_LEN, now + TYPE_MODE_LEN,
		   PATH_AT - TYPE_MODE_LEN) != 0)
		return "contents changed";
	return "mode changed";
}

static struct map *index_lines(const struct buf *listing, struct error *err)
{
	struct map *map = map_new(NULL);
	const char *line = NULL;

	while (map && (line = next_line(listing, line)))
		if (map_put(map, line + PATH_AT, strlen(line + PATH_AT),
			    (void *)line) < 0) {
			map_free(map);
			map = NULL;
		}
	if (!map)
		error_nomem(err, "comparing files");
	return map;
}

int file_listing_compare(const struct buf *before, const struct buf *now,
			 const char *indent, unsigned max, struct buf *ret,
			 struct error *err)
{
	AUTO(map_free) struct map *old = index_lines(before, err);
	AUTO(map_free) struct map *new = old ? index_lines(now, err) : NULL;
	struct comparison c = { indent, max, 0, ret };
	const char *line = NULL, *what;

	if (!new)
		return -1;
	while ((line = next_line(now, line))) {
		const char *was =
			map_get(old, line + PATH_AT, strlen(line + PATH_AT));

		what = was ? difference(was, line) : "is new";
		if (what)
			tell(&c, line, what);
	}
	while ((line = next_line(before, line)))
		if (!map_get(new, line + PATH_AT, strlen(line + PATH_AT)))
			tell(&c, line, "is gone");
	if (c.n > (int)max)
		buf_printf(ret, "%sand %u more\n", indent, (unsigned)c.n - max);
	return c.n;
}
