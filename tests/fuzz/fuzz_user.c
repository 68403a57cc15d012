/*
 * USER against an image's /etc/passwd and /etc/group: the text up to the first
 * NUL, the one file up to the next, the other after it. Digits mean
 * themselves, whatever the files say.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "builder/sandbox/user.h"

static char *cut(const char **at, size_t *left)
{
	const char *end = *left ? memchr(*at, '\0', *left) : NULL;
	size_t len = end ? (size_t)(end - *at) : *left;
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, *at, len);
	copy[len] = '\0';
	*at += end ? len + 1 : len;
	*left -= end ? len + 1 : len;
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	autofree char *text = cut(&at, &size);
	autofree char *passwd = cut(&at, &size);
	autofree char *group = cut(&at, &size);
	const struct user_files files = { passwd, group };
	AUTO(user_release) struct user user = { 0 };
	struct error err = ERROR_INIT;

	if (!text || !passwd || !group)
		return 0;
	if (user_resolve(text, &files, &user, &err) < 0) {
		assert(err.used > 0);
		return 0;
	}
	assert(user.home);
	assert(user.uid != UINT32_MAX && user.gid != UINT32_MAX);
	if (*text && strspn(text, "0123456789") == strlen(text))
		assert(user.uid == strtoul(text, NULL, 10));
	return 0;
}
