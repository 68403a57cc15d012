/*
 * Lines before the first empty one are patterns, the others are paths. A path
 * below one that is skipped as a whole must be excluded itself.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "parser/ignore.h"
#include "parser/pattern.h"
#include "store/base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Compare with each directory above `path`, as a walk would meet it. */
static void check_path(const struct ignore *ig, char *path)
{
	bool excluded = ignore_match(ig, path, NULL);
	char *slash = path;

	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		assert(excluded || !ignore_match(ig, path, NULL) ||
		       ignore_may_include_below(ig, path));
		*slash++ = '/';
	}
}

static void check_paths(const struct ignore *ig, const char *p, const char *end)
{
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		autofree char *line = NULL, *path = NULL;

		stop = stop ? stop : end;
		line = strndup(p, (size_t)(stop - p));
		path = line ? path_clean_rooted(line) : NULL;
		assert(path);
		check_path(ig, path);
		p = stop < end ? stop + 1 : end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *split;
	AUTO(strv_release) struct strv patterns = STRV_INIT;
	AUTO(ignore_free) struct ignore *ig = NULL;
	struct error err = ERROR_INIT;
	size_t len;

	split = memmem(text, size, "\n\n", 2);
	len = split ? (size_t)(split - text) : size;
	if (ignorefile_read(text, len, &patterns, NULL, &err) < 0 ||
	    ignore_new(&patterns, &ig, &err) < 0) {
		assert(err.kind == ERROR_DOCKERFILE);
		return 0;
	}
	check_paths(ig, text + len, text + size);
	return 0;
}
