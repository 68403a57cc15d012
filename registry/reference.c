#include "registry/reference.h"

#include <string.h>

#include "store/base/buf.h"

#define NAME_MAX_LEN 255
#define TAG_MAX_LEN  128
#define HUB_DOMAIN   "docker.io"

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c);
}

static bool is_hex_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == DIGEST_HEX_LEN &&
	       !text[DIGEST_HEX_LEN];
}

/* Length of the separator at `p`: ".", "_", "__" or dashes; 0 for none. */
static size_t separator_len(const char *p)
{
	if (*p == '.')
		return 1;
	if (*p == '_')
		return p[1] == '_' ? 2 : 1;
	return strspn(p, "-");
}

/* Words of [a-z0-9]+ joined by single separators, up to '/' or the end. */
static const char *skip_component(const char *p)
{
	for (;;) {
		const char *word = p;

		while (is_lower(*p))
			p++;
		if (p == word)
			return NULL;
		if (!separator_len(p))
			return p;
		p += separator_len(p);
	}
}

static int check_path(const char *path, const char *text, struct error *err)
{
	const char *p = path;

	for (const char *c = path; *c; c++)
		if (is_upper(*c))
			return error_set(err, ERROR_USAGE,
					 "invalid image reference '%s': "
					 "repository name must be lowercase",
					 text);
	for (;;) {
		p = skip_component(p);
		if (p && !*p)
			return 0;
		if (!p || *p != '/')
			return error_set(err, ERROR_USAGE,
					 "invalid image reference '%s': bad "
					 "repository name '%s'",
					 text, path);
		p++;
	}
}

static bool is_port(const char *p)
{
	size_t len = strspn(p, "0123456789");

	return len >= 1 && len <= 5 && !p[len];
}

/* A label starts and ends with a letter or digit. */
static bool is_host(const char *p, size_t len)
{
	bool inside = false;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '.' || p[i] == '-') {
			if (!inside)
				return false;
			inside = p[i] == '-';
			if (p[i] == '-' && (i + 1 == len || p[i + 1] == '.'))
				return false;
		} else if (is_alnum(p[i])) {
			inside = true;
		} else {
			return false;
		}
	}
	return inside;
}

static bool is_domain(const char *domain)
{
	const char *port;

	if (*domain == '[') {
		size_t len = strspn(domain + 1, "0123456789abcdefABCDEF:");

		if (len < 2 || domain[len + 1] != ']')
			return false;
		port = domain + len + 2;
		return !*port || (*port == ':' && is_port(port + 1));
	}
	port = strchr(domain, ':');
	if (port && !is_port(port + 1))
		return false;
	return is_host(domain, port ? (size_t)(port - domain) : strlen(domain));
}

/*
 * Is the first component a host? A single-label host without a port cannot be
 * told from a Docker Hub user, except "localhost" and names with capitals,
 * which repository names never have.
 */
static bool looks_like_domain(const char *first, size_t len)
{
	if (len == strlen("localhost") && !memcmp(first, "localhost", len))
		return true;
	for (size_t i = 0; i < len; i++)
		if (first[i] == '.' || first[i] == ':' || is_upper(first[i]))
			return true;
	return false;
}

static int check_tag(const char *tag, const char *text, struct error *err)
{
	size_t len = strlen(tag);
	bool good = is_alnum(*tag) || *tag == '_';

	for (const char *p = tag; *p; p++)
		good = good && (is_alnum(*p) || strchr("_.-", *p));
	if (good && len <= TAG_MAX_LEN)
		return 0;
	return error_set(err, ERROR_USAGE,
			 "invalid image reference '%s': bad tag '%s'", text,
			 tag);
}

static int take_digest(char *name, const char *text, struct reference *r,
		       struct error *err)
{
	char *at = strchr(name, '@');
	struct error reason = ERROR_INIT;

	if (!at)
		return 0;
	*at = '\0';
	if (digest_parse(at + 1, &r->digest, &reason) == 0)
		return 0;
	return error_set(err, ERROR_USAGE,
			 "invalid image reference '%s': bad digest '%s' "
			 "(want sha256: and 64 hex digits)",
			 text, at + 1);
}

static int take_tag(char *name, const char *text, struct reference *r,
		    struct error *err)
{
	char *slash = strrchr(name, '/');
	char *colon = strrchr(slash ? slash : name, ':');

	if (!colon)
		return 0;
	*colon = '\0';
	if (check_tag(colon + 1, text, err) < 0)
		return -1;
	r->tag = strdup(colon + 1);
	return r->tag ? 0 : error_nomem(err, "parsing an image reference");
}

/* Split what is left into domain and path, filling in Docker Hub's parts. */
static int take_name(char *name, const char *text, struct reference *r,
		     struct error *err)
{
	const char *domain = HUB_DOMAIN, *path = name;
	char *slash = strchr(name, '/');
	struct buf full = BUF_INIT;

	if (slash) {
		*slash = '\0';
		if (looks_like_domain(name, strlen(name))) {
			domain = name;
			path = slash + 1;
		} else {
			*slash = '/';
		}
	}
	if (!is_domain(domain))
		return error_set(err, ERROR_USAGE,
				 "invalid image reference '%s': bad host '%s'",
				 text, domain);
	if (check_path(path, text, err) < 0)
		return -1;
	if (!strcmp(domain, "index." HUB_DOMAIN))
		domain = HUB_DOMAIN;
	if (!strcmp(domain, HUB_DOMAIN) && !strchr(path, '/'))
		buf_append_str(&full, "library/");
	buf_append_str(&full, path);
	r->path = buf_steal(&full);
	r->domain = strdup(domain);
	if (!r->path || !r->domain)
		return error_nomem(err, "parsing an image reference");
	if (strlen(r->domain) + 1 + strlen(r->path) > NAME_MAX_LEN)
		return error_set(err, ERROR_USAGE,
				 "invalid image reference: the name is longer "
				 "than %d characters",
				 NAME_MAX_LEN);
	return 0;
}

/* Refuse what could not be shown in a message, and what is an image id. */
static int check_text(const char *text, struct error *err)
{
	if (!*text)
		return error_set(err, ERROR_USAGE,
				 "invalid image reference: it is empty");
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return error_set(err, ERROR_USAGE,
					 "invalid image reference: character "
					 "%d is not allowed",
					 (int)(p - text) + 1);
	if (is_hex_id(text))
		return error_set(err, ERROR_USAGE,
				 "invalid image reference '%s': 64 hex digits "
				 "are an image id, not a name",
				 text);
	return 0;
}

int reference_parse(const char *text, struct reference *ret, struct error *err)
{
	AUTO(reference_release) struct reference r = { 0 };
	autofree char *name = NULL;

	if (check_text(text, err) < 0)
		return -1;
	name = strdup(text);
	if (!name)
		return error_nomem(err, "parsing an image reference");
	if (take_digest(name, text, &r, err) < 0 ||
	    take_tag(name, text, &r, err) < 0 ||
	    take_name(name, text, &r, err) < 0)
		return -1;
	if (!r.tag && !digest_is_set(&r.digest)) {
		r.tag = strdup("latest");
		if (!r.tag)
			return error_nomem(err, "parsing an image reference");
	}
	*ret = r;
	r = (struct reference){ 0 };
	return 0;
}

void reference_release(struct reference *r)
{
	free(r->domain);
	free(r->path);
	free(r->tag);
	*r = (struct reference){ 0 };
}

static void append_version(struct buf *out, const struct reference *r)
{
	if (digest_is_set(&r->digest))
		buf_printf(out, "@%s", r->digest.text);
	else if (r->tag)
		buf_printf(out, ":%s", r->tag);
}

char *reference_format(const struct reference *r, struct error *err)
{
	struct buf out = BUF_INIT;

	buf_printf(&out, "%s/%s", r->domain, r->path);
	append_version(&out, r);
	return buf_steal_checked(&out, "naming an image", err);
}

char *reference_repository(const struct reference *r, struct error *err)
{
	struct buf out = BUF_INIT;

	buf_printf(&out, "%s/%s", r->domain, r->path);
	return buf_steal_checked(&out, "naming a repository", err);
}

/*
 * Would a path on Docker Hub without its domain be read as something else: its
 * first component as a host, or all of it as an image id?
 */
static bool needs_domain(const char *path)
{
	const char *slash = strchr(path, '/');

	if (!slash)
		return is_hex_id(path);
	return looks_like_domain(path, (size_t)(slash - path));
}

char *reference_familiar(const struct reference *r, struct error *err)
{
	struct buf out = BUF_INIT;
	const char *path = r->path;
	bool hub = !strcmp(r->domain, HUB_DOMAIN);

	if (hub && !strncmp(path, "library/", 8) && !strchr(path + 8, '/'))
		path += 8;
	if (!hub || needs_domain(path))
		buf_printf(&out, "%s/", r->domain);
	buf_append_str(&out, path);
	if (digest_is_set(&r->digest) || (r->tag && strcmp(r->tag, "latest")))
		append_version(&out, r);
	return buf_steal_checked(&out, "naming an image", err);
}

const char *reference_api_host(const char *domain)
{
	return strcmp(domain, HUB_DOMAIN) ? domain : "registry-1." HUB_DOMAIN;
}
