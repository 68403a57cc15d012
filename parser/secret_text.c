#include "parser/secret_text.h"

#include <ctype.h>
#include <string.h>

#include "store/base/cleanup.h"

/* A key: a fixed beginning and at least so many characters of a kind. */
struct form {
	const char *prefix;
	size_t min_len;
	const char *more; /* allowed besides letters and digits */
	const char *what;
};

static const struct form forms[] = {
	{ "AKIA", 16, "", "an AWS access key" },
	{ "ASIA", 16, "", "an AWS access key" },
	{ "ghp_", 36, "", "a GitHub token" },
	{ "gho_", 36, "", "a GitHub token" },
	{ "ghu_", 36, "", "a GitHub token" },
	{ "ghs_", 36, "", "a GitHub token" },
	{ "ghr_", 36, "", "a GitHub token" },
	{ "github_pat_", 22, "_", "a GitHub token" },
	{ "glpat-", 20, "-_", "a GitLab token" },
	{ "xoxb-", 20, "-", "a Slack token" },
	{ "xoxp-", 20, "-", "a Slack token" },
	{ "sk_live_", 16, "", "a Stripe key" },
	{ "rk_live_", 16, "", "a Stripe key" },
	{ "AIza", 35, "-_", "a Google API key" },
	{ "npm_", 36, "", "an npm token" },
	{ "pypi-", 32, "-_", "a PyPI token" },
	{ "eyJ", 40, "-_.", "a JSON web token" },
};

static size_t form_len(const struct form *f, const char *p, const char *end)
{
	size_t prefix = strlen(f->prefix), len = prefix;

	if ((size_t)(end - p) < prefix || memcmp(p, f->prefix, prefix) != 0)
		return 0;
	while (p + len < end && (isalnum((unsigned char)p[len]) ||
				 (p[len] && strchr(f->more, p[len]))))
		len++;
	return len >= prefix + f->min_len ? len : 0;
}

static bool find_key(const char *text, const char *p, const char *end,
		     struct secret_text *ret)
{
	size_t i;

	/* In the middle of a word it is something else. */
	if (p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '_'))
		return false;
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		size_t len = form_len(&forms[i], p, end);

		if (len) {
			*ret = (struct secret_text){ (size_t)(p - text), len,
						     forms[i].what };
			return true;
		}
	}
	return false;
}

/* "-----BEGIN RSA PRIVATE KEY-----" and all that follows. */
static bool find_private_key(const char *text, const char *p, const char *end,
			     struct secret_text *ret)
{
	static const char begin[] = "-----BEGIN ", key[] = "PRIVATE KEY-----";
	size_t left = (size_t)(end - p), head = left < 64 ? left : 64;

	if (left < sizeof(begin) - 1 || memcmp(p, begin, sizeof(begin) - 1) ||
	    !memmem(p, head, key, sizeof(key) - 1))
		return false;
	*ret = (struct secret_text){ (size_t)(p - text), left,
				     "a private key" };
	return true;
}

/* The password of "://user:password@"; variables are none. */
static bool find_password(const char *text, const char *p, const char *end,
			  struct secret_text *ret)
{
	const char *user = p + 3, *at, *colon;
	size_t len;

	if (end - p < 3 || memcmp(p, "://", 3) != 0)
		return false;
	for (at = user; at < end && !strchr("@/ \t\r\n\"'", *at); at++)
		continue;
	if (at == end || *at != '@')
		return false;
	colon = memchr(user, ':', (size_t)(at - user));
	if (!colon || colon + 1 == at || colon[1] == '$' || colon[1] == '<')
		return false;
	len = (size_t)(at - colon) - 1;
	*ret = (struct secret_text){ (size_t)(colon + 1 - text), len,
				     "a URL with a password" };
	return true;
}

bool secret_text_find(const char *text, size_t len, struct secret_text *ret)
{
	const char *p, *end = text + len;

	for (p = text; p < end; p++) {
		if (*p == ':'	? find_password(text, p, end, ret)
		    : *p == '-' ? find_private_key(text, p, end, ret)
				: isalpha((unsigned char)*p) &&
					  find_key(text, p, end, ret))
			return true;
	}
	return false;
}
