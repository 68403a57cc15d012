/* "host:port/path/name:tag@digest", judged by its characters. */
#include <ctype.h>
#include <string.h>

#include "parser/lint_internal.h"

static bool is_lower_alnum(char c)
{
	return islower((unsigned char)c) || isdigit((unsigned char)c);
}

/* Letters and digits, joined by ".", "_", "__" or any number of "-". */
static bool component_is_valid(const char *p, const char *end)
{
	if (p == end || !is_lower_alnum(*p) || !is_lower_alnum(end[-1]))
		return false;
	while (p < end) {
		size_t len = 0;

		for (; p < end && is_lower_alnum(*p);)
			p++;
		while (p + len < end && !is_lower_alnum(p[len]))
			len++;
		if (len > 0 && strspn(p, "-") < len &&
		    !(len == 1 && *p == '.') &&
		    !(len <= 2 && strspn(p, "_") >= len))
			return false;
		p += len;
	}
	return true;
}

static bool is_host(const char *p, const char *end)
{
	size_t len = (size_t)(end - p);

	return memchr(p, '.', len) || memchr(p, ':', len) ||
	       (len == 9 && !memcmp(p, "localhost", 9));
}

static bool host_is_valid(const char *p, const char *end)
{
	for (; p < end; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-:[]", *p))
			return false;
	return true;
}

static bool path_is_valid(const char *p, const char *end)
{
	const char *slash = memchr(p, '/', (size_t)(end - p));

	if (slash && is_host(p, slash)) {
		if (slash == p || !host_is_valid(p, slash))
			return false;
		p = slash + 1;
	}
	for (;;) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!component_is_valid(p, slash ? slash : end))
			return false;
		if (!slash)
			return true;
		p = slash + 1;
	}
}

static bool tag_is_valid(const char *p, const char *end)
{
	if (p == end || end - p > 128 || *p == '.' || *p == '-')
		return false;
	for (; p < end; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	return true;
}

/* "sha256:" and hexadecimal digits. */
static bool digest_is_valid(const char *p)
{
	const char *colon = strchr(p, ':');

	if (!colon || colon == p || !isalnum((unsigned char)*p))
		return false;
	return strlen(colon + 1) >= 32 &&
	       !colon[1 + strspn(colon + 1, "0123456789abcdefABCDEF")];
}

bool lint_image_name_is_valid(const char *name)
{
	const char *at = strchr(name, '@');
	const char *end = at ? at : name + strlen(name);
	const char *slash = memrchr(name, '/', (size_t)(end - name));
	const char *last = slash ? slash : name;
	const char *colon = memchr(last, ':', (size_t)(end - last));

	if (at && !digest_is_valid(at + 1))
		return false;
	if (colon && !tag_is_valid(colon + 1, end))
		return false;
	return path_is_valid(name, colon ? colon : end);
}
