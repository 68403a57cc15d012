/* Nothing that is accepted can be taken for an option, or leads elsewhere. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "builder/git_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_control(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static void check(const struct git_url *u)
{
	static const char *const schemes[] = { "http://", "https://", "ssh://",
					       "git://" };
	bool known = strchr(u->remote, '@') && !strstr(u->remote, "://");

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		known |=
			!strncasecmp(u->remote, schemes[i], strlen(schemes[i]));
	assert(known);
	assert(u->remote[0] != '-' && u->host[0] != '-');
	assert(!u->ref || (u->ref[0] != '-' && !strstr(u->ref, "..")));
	assert(u->subdir[0] != '/' && strncmp(u->subdir, "../", 3) != 0);
	assert(!strstr(u->subdir, "/../") && strcmp(u->subdir, "..") != 0);
	assert(!has_control(u->remote) && !has_control(u->ref) &&
	       !has_control(u->subdir));
	assert(!u->user || u->http);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(git_url_release) struct git_url u = { 0 };
	autofree char *text = strndup((const char *)data, size);
	struct error err = ERROR_INIT;

	if (text && git_url_parse(text, &u, &err) == 0)
		check(&u);
	return 0;
}
