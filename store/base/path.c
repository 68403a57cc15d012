#include "store/base/path.h"

#include <string.h>

#include "store/base/buf.h"

/* Remove the last component of `out`, not going below `floor` bytes. */
static void drop_component(struct buf *out, size_t floor)
{
	size_t len = out->len;

	while (len > floor && out->data[len - 1] != '/')
		len--;
	if (len > floor)
		len--;
	buf_truncate(out, len);
}

/* Append a component to `out`, whose first `start` bytes are none. */
static void append_component(struct buf *out, size_t start, const char *name,
			     size_t len)
{
	if (out->len > start)
		buf_append_char(out, '/');
	buf_append(out, name, len);
}

/*
 * Append the components of `path` to `out`, which holds `start` bytes that
 * stay ("/" or nothing). ".." that has nothing to remove is kept unless
 * `rooted`; kept ones raise the floor, since they cannot be removed either.
 */
static void append_clean(struct buf *out, const char *path, bool rooted)
{
	size_t start = out->len, floor = start, len;

	for (; *path; path += len, path += strspn(path, "/")) {
		bool up;

		len = strcspn(path, "/");
		up = len == 2 && path[0] == '.' && path[1] == '.';
		if (!len || (len == 1 && path[0] == '.') ||
		    (up && rooted && out->len == floor))
			continue;
		if (up && out->len > floor) {
			drop_component(out, floor);
			continue;
		}
		append_component(out, start, path, len);
		if (up)
			floor = out->len;
	}
}

char *path_clean(const char *path)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	bool rooted = path[0] == '/';

	if (rooted)
		buf_append_char(&out, '/');
	append_clean(&out, path, rooted);
	if (!out.len)
		buf_append_char(&out, '.');
	return buf_steal(&out);
}

char *path_clean_rooted(const char *path)
{
	AUTO(buf_release) struct buf out = BUF_INIT;

	append_clean(&out, path, true);
	return buf_steal(&out);
}

char *path_join(const char *base, const char *path)
{
	AUTO(buf_release) struct buf joined = BUF_INIT;

	if (path[0] == '/' || !base[0])
		return path_clean(path);
	buf_append_str(&joined, base);
	if (path[0]) {
		buf_append_char(&joined, '/');
		buf_append_str(&joined, path);
	}
	return joined.failed ? NULL : path_clean(joined.data);
}

char *path_user_config(const char *rest)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct buf path = BUF_INIT;

	if (config && *config)
		buf_printf(&path, "%s/%s", config, rest);
	else
		buf_printf(&path, "%s/.config/%s", home ? home : "", rest);
	return buf_steal(&path);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (!len || !strcmp(dir, "."))
		return true;
	return !strncmp(path, dir, len) &&
	       (path[len] == '\0' || path[len] == '/');
}
