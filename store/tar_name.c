#include "store/tar_name.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "store/base/cleanup.h"
#include "store/base/path.h"

#define WHITEOUT     ".wh."
#define WHITEOUT_LEN (sizeof(WHITEOUT) - 1)
#define AUFS	     ".wh..wh."
#define OPAQUE	     ".wh..wh..opq"

/* Does following `raw` word by word ever leave the root? */
static bool climbs_out(const char *raw)
{
	long depth = 0;

	while (*raw && depth >= 0) {
		size_t len = strcspn(raw, "/");

		if (len == 2 && raw[0] == '.' && raw[1] == '.')
			depth--;
		else if (len > 1 || (len == 1 && raw[0] != '.'))
			depth++;
		raw += len;
		raw += strspn(raw, "/");
	}
	return depth < 0;
}

char *tar_name_clean(const char *raw, struct error *err)
{
	char *path;

	if (climbs_out(raw)) {
		error_set(err, ERROR_REFUSED,
			  "the archive holds '%.200s', which leads out of it",
			  raw);
		return NULL;
	}
	if (strlen(raw) >= PATH_MAX) {
		error_set(err, ERROR_REFUSED,
			  "the archive holds a name of %zu bytes, '%.100s...'",
			  strlen(raw), raw);
		return NULL;
	}
	path = path_clean_rooted(raw);
	if (!path)
		error_nomem(err, "reading an archive");
	return path;
}

static bool is_stargz(const char *path)
{
	static const char *const names[] = { "stargz.index.json",
					     ".prefetch.landmark",
					     ".no.prefetch.landmark" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(path, names[i]))
			return true;
	return false;
}

/* Below a directory whose name begins with `prefix`? */
static bool is_below_prefix(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);
	const char *slash;

	while ((slash = strchr(path, '/'))) {
		if (!strncmp(path, prefix, len))
			return true;
		path = slash + 1;
	}
	return false;
}

static enum tar_name_kind whiteout_in_layer(char *base)
{
	const char *name = base + WHITEOUT_LEN;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return TAR_NAME_BAD;
	memmove(base, name, strlen(name) + 1);
	return TAR_NAME_WHITEOUT;
}

enum tar_name_kind tar_name_in_layer(char *path)
{
	char *base = path + (path_base(path) - path);

	if (is_stargz(path) || is_below_prefix(path, AUFS))
		return TAR_NAME_SKIP;
	if (is_below_prefix(path, WHITEOUT))
		return TAR_NAME_BAD;
	if (!strcmp(base, OPAQUE)) {
		*(base > path ? base - 1 : base) = '\0';
		return TAR_NAME_OPAQUE;
	}
	if (!strncmp(base, AUFS, sizeof(AUFS) - 1))
		return TAR_NAME_SKIP;
	if (!strncmp(base, WHITEOUT, WHITEOUT_LEN))
		return whiteout_in_layer(base);
	return TAR_NAME_PLAIN;
}
