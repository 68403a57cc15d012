/*
 * Headers of a hostile server: the challenge picked is usable, locations
 * resolve to web addresses only, and what is shown is printable.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/challenge.h"
#include "registry/reply_error.h"
#include "registry/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One header field per line, as a transport would hand them over. */
static void split_lines(char *text, struct strv *headers)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		struct buf line = BUF_INIT;

		buf_append_str(&line, "WWW-Authenticate: ");
		buf_append(&line, text, len);
		strv_take(headers, buf_steal(&line));
		text += len + (text[len] == '\n');
	}
}

static void check_url(const struct url *u)
{
	assert(strpbrk(u->text, " \r\n\t@") == NULL ||
	       !strchr(u->authority, '@'));
	assert(u->path[0] == '/' && *u->host);
	assert(u->port > 0 && u->port <= 65535);
}

static void check_location(const char *location)
{
	AUTO(url_release) struct url base = { 0 }, u = { 0 };
	struct error err = ERROR_INIT;
	int parsed = url_parse("https://host:1/a/b?c", &base, &err);

	assert(parsed == 0);
	if (url_resolve(&base, location, &u, &err) == 0)
		check_url(&u);
	url_host_place(location);
}

static void check_words(const char *body, size_t len)
{
	char text[100];

	reply_error_text(body, len, text, sizeof(text));
	for (const char *p = text; *p; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_release) struct strv headers = STRV_INIT;
	AUTO(challenge_release) struct challenge c = { 0 };
	autofree char *text = strndup((const char *)data, size);
	struct error err = ERROR_INIT;

	if (!text)
		return 0;
	split_lines(text, &headers);
	if (strv_check(&headers, "fuzzing", &err) < 0 ||
	    challenge_pick(&headers, &c, &err) < 0)
		return 0;
	assert(c.scheme != CHALLENGE_BEARER || c.realm);
	check_location(text);
	check_words((const char *)data, size);
	return 0;
}
