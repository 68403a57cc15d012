#include "builder/git_url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "registry/url.h"
#include "store/base/path.h"
#include "store/base/text.h"

#define WHAT	   "reading a git URL"
#define HEX	   "0123456789abcdef"
#define TEXT_MAX   ((size_t)16 << 10)
#define PREFIX_MIN 7
#define SHA1_LEN   40
#define SHA256_LEN 64

void git_url_release(struct git_url *u)
{
	free(u->remote);
	free(u->user);
	free(u->host);
	free(u->ref);
	free(u->subdir);
	free(u->checksum);
	*u = (struct git_url){ 0 };
}

static int refuse(struct error *err, const char *why)
{
	return error_set(err, ERROR_REFUSED, "refused the git URL: %s", why);
}

bool git_is_commit(const char *text)
{
	size_t len = strlen(text);

	return (len == SHA1_LEN || len == SHA256_LEN) &&
	       strspn(text, HEX) == len;
}

int git_checksum_parse(const char *text, char **ret, struct error *err)
{
	char *lower = strdup(text);
	size_t len = strlen(text);

	if (!lower)
		return error_nomem(err, WHAT);
	text_lower(lower);
	if (len < PREFIX_MIN || len > SHA256_LEN || strspn(lower, HEX) != len) {
		free(lower);
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid checksum \"%.100s\": a commit is "
				 "named by %d to %d hexadecimal digits",
				 text, PREFIX_MIN, SHA256_LEN);
	}
	free(*ret);
	*ret = lower;
	return 0;
}

/* git-check-ref-format(1), and nothing that looks like an option. */
static int check_ref(const char *ref, struct error *err)
{
	size_t len = strlen(ref);

	if (*ref == '-')
		return refuse(err, "its ref looks like an option");
	if (*ref == '/' || *ref == '.' || strstr(ref, "..") ||
	    strstr(ref, "@{") || strstr(ref, "//") ||
	    strpbrk(ref, " ~^:?*[\\") || !strcmp(ref, "@") ||
	    ref[len - 1] == '/' || ref[len - 1] == '.' ||
	    (len > 5 && !strcmp(ref + len - 5, ".lock")))
		return refuse(err, "its ref is no valid name");
	return 0;
}

/* An empty one is none. */
static int set_ref(struct git_url *u, enum git_ref_kind kind, const char *ref,
		   struct error *err)
{
	if (!*ref)
		return 0;
	if (u->ref)
		return error_set(err, ERROR_DOCKERFILE,
				 "the git URL names more than one ref");
	if (check_ref(ref, err) < 0)
		return -1;
	u->ref = strdup(ref);
	u->ref_kind = kind;
	return u->ref ? 0 : error_nomem(err, WHAT);
}

/* Links in it are looked after when it is opened. */
static int set_subdir(struct git_url *u, const char *dir, struct error *err)
{
	const char *p = dir;

	if (u->subdir && *u->subdir && *dir)
		return error_set(err, ERROR_DOCKERFILE,
				 "the git URL names more than one folder");
	while (*p) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !strncmp(p, "..", 2))
			return refuse(err, "its folder leads out of the "
					   "repository");
		p += len + (p[len] == '/');
	}
	if (!*dir && u->subdir)
		return 0;
	free(u->subdir);
	u->subdir = path_clean_rooted(dir);
	return u->subdir ? 0 : error_nomem(err, WHAT);
}

/* "ref:dir" */
static int read_fragment(struct git_url *u, const char *text, struct error *err)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;
	char *colon;

	buf_append_str(&plain, "");
	if (url_unescape(text, strlen(text), &plain, err) < 0)
		return -1;
	for (const char *p = plain.data; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(err, "it holds control characters");
	colon = strchr(plain.data, ':');
	if (colon)
		*colon = '\0';
	if (set_ref(u, GIT_REF_ANY, plain.data, err) < 0)
		return -1;
	return colon ? set_subdir(u, colon + 1, err) : 0;
}

static int read_switch(const char *key, const char *value, enum git_switch *ret,
		       struct error *err)
{
	if (!*value || !strcmp(value, "1") || !strcasecmp(value, "true"))
		*ret = GIT_ON;
	else if (!strcmp(value, "0") || !strcasecmp(value, "false"))
		*ret = GIT_OFF;
	else
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid %s value: \"%.100s\"", key, value);
	return 0;
}

static int query_ref(struct git_url *u, const char *key, const char *value,
		     struct error *err)
{
	enum git_ref_kind kind = !strcmp(key, "tag")	  ? GIT_REF_TAG
				 : !strcmp(key, "branch") ? GIT_REF_BRANCH
							  : GIT_REF_ANY;

	return set_ref(u, kind, value, err);
}

static int query_subdir(struct git_url *u, const char *key, const char *value,
			struct error *err)
{
	(void)key;
	return set_subdir(u, value, err);
}

static int query_checksum(struct git_url *u, const char *key, const char *value,
			  struct error *err)
{
	(void)key;
	return git_checksum_parse(value, &u->checksum, err);
}

static int query_keep(struct git_url *u, const char *key, const char *value,
		      struct error *err)
{
	return read_switch(key, value, &u->keep_git_dir, err);
}

static int query_submodules(struct git_url *u, const char *key,
			    const char *value, struct error *err)
{
	return read_switch(key, value, &u->submodules, err);
}

static int query_mtime(struct git_url *u, const char *key, const char *value,
		       struct error *err)
{
	u->commit_times = !strcmp(value, "commit");
	if (u->commit_times || !strcmp(value, "checkout"))
		return 0;
	return error_set(err, ERROR_DOCKERFILE, "invalid %s value: \"%.100s\"",
			 key, value);
}

/* How a commit is fetched is our own business. */
static int query_fetch(struct git_url *u, const char *key, const char *value,
		       struct error *err)
{
	enum git_switch ignored;

	(void)u;
	return read_switch(key, value, &ignored, err);
}

static const struct query_key {
	const char *name;
	int (*read)(struct git_url *u, const char *key, const char *value,
		    struct error *err);
} query_keys[] = {
	{ "ref", query_ref },		{ "tag", query_ref },
	{ "branch", query_ref },	{ "subdir", query_subdir },
	{ "checksum", query_checksum }, { "commit", query_checksum },
	{ "keep-git-dir", query_keep }, { "submodules", query_submodules },
	{ "mtime", query_mtime },	{ "fetch-by-commit", query_fetch },
};

static int read_pair(struct git_url *u, const char *text, size_t len,
		     struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;
	AUTO(buf_release) struct buf value = BUF_INIT;
	const char *equals = memchr(text, '=', len);
	size_t key_len = equals ? (size_t)(equals - text) : len;

	buf_append_str(&key, "");
	buf_append_str(&value, "");
	if (url_unescape(text, key_len, &key, err) < 0 ||
	    (equals &&
	     url_unescape(equals + 1, len - key_len - 1, &value, err) < 0))
		return -1;
	for (const char *p = value.data; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(err, "it holds control characters");
	for (size_t i = 0; i < ARRAY_LEN(query_keys); i++)
		if (!strcmp(key.data, query_keys[i].name))
			return query_keys[i].read(u, key.data, value.data, err);
	return error_set(err, ERROR_DOCKERFILE, "unexpected query \"%.100s\"",
			 key.data);
}

static int read_query(struct git_url *u, const char *text, size_t len,
		      struct error *err)
{
	const char *end = text + len;

	while (text < end) {
		size_t n = strcspn(text, "&");

		if (n > (size_t)(end - text))
			n = (size_t)(end - text);
		if (n && read_pair(u, text, n, err) < 0)
			return -1;
		text += n + 1;
	}
	return 0;
}

/* "host", "host:port" or "[::1]:port" out of `text`, lower case. */
static int set_host(struct git_url *u, const char *text, size_t len,
		    struct error *err)
{
	if (!len || *text == '-')
		return refuse(err, "its host looks like an option");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    !strchr(".-_:[]%", text[i]))
			return refuse(err, "its host is no valid name");
	u->host = strndup(text, len);
	text_lower(u->host);
	return u->host ? 0 : error_nomem(err, WHAT);
}

/* An ssh user goes to a program's command line. */
static int check_user(const char *user, size_t len, struct error *err)
{
	if (!len || *user == '-')
		return refuse(err, "its user looks like an option");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)user[i]) &&
		    !strchr("._-+", user[i]))
			return refuse(err, "its user is no valid name (and "
					   "passwords of ssh are not taken)");
	return 0;
}

/* "user@host:path" */
static int read_scp_form(struct git_url *u, const char *text, struct error *err)
{
	const char *at = strchr(text, '@');
	const char *colon = at ? strchr(at, ':') : NULL;

	if (!colon)
		return error_set(err, ERROR_DOCKERFILE,
				 "\"%.100s\" is no git URL", text);
	if (colon[1] == '-')
		return refuse(err, "its path looks like an option");
	if (check_user(text, (size_t)(at - text), err) < 0)
		return -1;
	return set_host(u, at + 1, (size_t)(colon - at - 1), err);
}

static int read_scheme_form(struct git_url *u, const char *host,
			    struct error *err)
{
	size_t len = strcspn(host, "/");
	const char *at = memrchr(host, '@', len);

	if (at && check_user(host, (size_t)(at - host), err) < 0)
		return -1;
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (host[len] != '/' || !host[len + 1])
		return error_set(err, ERROR_DOCKERFILE,
				 "the git URL has no path");
	if (host[len + 1] == '-')
		return refuse(err, "its path looks like an option");
	return set_host(u, host, len, err);
}

static int read_remote(struct git_url *u, struct error *err)
{
	static const struct {
		const char *prefix;
		bool http, https;
	} schemes[] = {
		{ "http://", true, false },
		{ "https://", true, true },
		{ "ssh://", false, false },
		{ "git://", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		size_t len = strlen(schemes[i].prefix);

		if (strncasecmp(u->remote, schemes[i].prefix, len) != 0)
			continue;
		u->http = schemes[i].http;
		u->https = schemes[i].https;
		return read_scheme_form(u, u->remote + len, err);
	}
	/* Also "ext::sh -c ..": git has transports that run programs. */
	if (strstr(u->remote, "::") || strstr(u->remote, "://"))
		return refuse(err, "only http, https, ssh and git are spoken");
	return read_scp_form(u, u->remote, err);
}

/* What stands before query and fragment, without a user where it is http. */
static int split_remote(struct git_url *u, const char *text, size_t len,
			struct error *err)
{
	static const char github[] = "github.com/";
	autofree char *whole = NULL;

	if (!strncasecmp(text, github, strlen(github))) {
		if (asprintf(&whole, "https://%.*s", (int)len, text) < 0)
			whole = NULL;
	} else {
		whole = strndup(text, len);
	}
	if (!whole)
		return error_nomem(err, WHAT);
	for (const char *p = whole; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return refuse(err, "it holds blanks or control "
					   "characters");
	if (!strncasecmp(whole, "http", 4))
		return url_split_user(whole, &u->remote, &u->user, err);
	u->remote = steal_pointer(&whole);
	return 0;
}

int git_url_parse(const char *text, struct git_url *ret, struct error *err)
{
	AUTO(git_url_release) struct git_url u = { 0 };
	size_t len = strcspn(text, "?#");
	const char *query = text[len] == '?' ? text + len + 1 : NULL;
	const char *fragment = strchr(text, '#');

	if (strlen(text) > TEXT_MAX)
		return refuse(err, "it is too long");
	u.subdir = strdup("");
	if (!u.subdir)
		return error_nomem(err, WHAT);
	if (split_remote(&u, text, len, err) < 0 || read_remote(&u, err) < 0)
		return -1;
	if (query && read_query(&u, query, strcspn(query, "#"), err) < 0)
		return -1;
	if (fragment && read_fragment(&u, fragment + 1, err) < 0)
		return -1;
	*ret = u;
	u = (struct git_url){ 0 };
	return 0;
}
