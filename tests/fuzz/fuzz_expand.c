/*
 * The first byte chooses the escape character, the rest is a word. Whatever
 * it is, expansion ends with a result or an error; the words of the splitting
 * form hold what the plain form holds, blanks apart.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "parser/expand.h"
#include "parser/mount.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *ctx, const char *name)
{
	(void)ctx;
	switch (*name) {
	case 'a':
		return "value";
	case 'b':
		return " a b  c ";
	case 'c':
		return "x/y*z?\xc3\xa4\xff";
	case 'd':
		return "";
	default:
		return NULL;
	}
}

static size_t count_ink(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text > ' ';
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct expand_env env = { .lookup = lookup };
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(mount_spec_release) struct mount_spec mount = { 0 };
	autofree char *text = NULL, *word = NULL, *body = NULL;
	struct error err = ERROR_INIT;
	size_t ink = 0, i, len;
	char escape;

	if (size == 0)
		return 0;
	escape = data[0] & 1 ? '`' : '\\';
	text = strndup((const char *)data + 1, size - 1);
	assert(text);
	word = expand_word(text, escape, &env, &err);
	assert(word || err.kind == ERROR_DOCKERFILE);
	assert((expand_words(text, escape, &env, &words, &err) == 0) ==
	       (word != NULL));
	for (i = 0; i < words.len; i++)
		ink += count_ink(words.items[i]);
	assert(!word || ink == count_ink(word));
	body = expand_heredoc((const char *)data + 1, size - 1, &env, &len,
			      &err);
	assert(!body || body[len] == '\0');
	mount_spec_parse(text, escape, data[0] & 2 ? &env : NULL, &mount, &err);
	return 0;
}
