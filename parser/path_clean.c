#include "parser/path_clean.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The cleaned path while it grows; it is never longer than the original. */
struct cleaned {
	char *text;
	size_t len;
	size_t fixed; /* what ".." must not remove: "/" or leading "../" */
};

static void add_part(struct cleaned *c, const char *part, size_t len)
{
	bool rooted = c->fixed == 1 && c->text[0] == '/';

	if (c->len > 0 && !(rooted && c->len == 1))
		c->text[c->len++] = '/';
	memcpy(c->text + c->len, part, len);
	c->len += len;
}

/* Drop the last part, or keep the ".." when there is none to drop. */
static void add_parent(struct cleaned *c)
{
	bool rooted = c->fixed == 1 && c->text[0] == '/';

	if (c->len > c->fixed) {
		while (c->len > c->fixed && c->text[c->len - 1] != '/')
			c->len--;
		if (c->len > c->fixed)
			c->len--;
	} else if (!rooted) {
		add_part(c, "..", 2);
		c->fixed = c->len;
	}
}

char *path_clean(const char *path)
{
	struct cleaned c = { .text = malloc(strlen(path) + 2) };

	if (!c.text)
		return NULL;
	if (*path == '/') {
		c.text[c.len++] = '/';
		c.fixed = 1;
	}
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !memcmp(path, "..", 2))
			add_parent(&c);
		else if (len > 0 && !(len == 1 && *path == '.'))
			add_part(&c, path, len);
		path += len + (path[len] == '/');
	}
	if (c.len == 0)
		c.text[c.len++] = '.';
	c.text[c.len] = '\0';
	return c.text;
}

char *path_clean_join(const char *base, const char *path)
{
	char *joined, *clean;

	if (*path == '/')
		return path_clean(path);
	if (asprintf(&joined, "%s/%s", base, path) < 0)
		return NULL;
	clean = path_clean(joined);
	free(joined);
	return clean;
}
