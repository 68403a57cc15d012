#include "registry/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "store/base/text.h"

#define URL_MAX_LEN ((size_t)16 << 10)

static int refuse(struct error *err, const char *text, const char *why)
{
	return error_set(err, ERROR_REFUSED, "refused the URL '%.200s': %s",
			 text, why);
}

static int check_characters(const char *text, struct error *err)
{
	if (strlen(text) > URL_MAX_LEN)
		return error_set(err, ERROR_REFUSED,
				 "refused a URL longer than %zu bytes",
				 URL_MAX_LEN);
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return error_set(err, ERROR_REFUSED,
					 "refused a URL: it holds characters "
					 "that need escaping");
	return 0;
}

static char *dup_lower(const char *text, size_t len)
{
	char *copy = strndup(text, len);

	text_lower(copy);
	return copy;
}

/* The digits after the host; -1 when they are no port. */
static int parse_port(const char *text)
{
	int port = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return -1;
	for (; *text; text++)
		port = port * 10 + (*text - '0');
	return port > 0 && port <= 65535 ? port : -1;
}

/* Host and port out of u->authority. */
static int split_authority(struct url *u, const char *text, struct error *err)
{
	const char *host = u->authority, *end, *port;

	if (*host == '[') {
		host++;
		end = strchr(host, ']');
		if (!end)
			return refuse(err, text, "unbalanced bracket");
		port = end + 1;
	} else {
		end = strchrnul(host, ':');
		port = end;
	}
	if (end == host)
		return refuse(err, text, "no host");
	u->port = u->https ? 443 : 80;
	if (*port == ':')
		u->port = parse_port(port + 1);
	else if (*port)
		u->port = -1;
	if (u->port < 0)
		return refuse(err, text, "bad port");
	u->host = dup_lower(host, (size_t)(end - host));
	return u->host ? 0 : error_nomem(err, "parsing a URL");
}

int url_parse(const char *text, struct url *ret, struct error *err)
{
	AUTO(url_release) struct url u = { 0 };
	const char *rest, *end;
	struct buf path = BUF_INIT;

	if (check_characters(text, err) < 0)
		return -1;
	u.https = !strncasecmp(text, "https://", 8);
	if (!u.https && strncasecmp(text, "http://", 7) != 0)
		return refuse(err, text, "only http and https are spoken");
	rest = text + (u.https ? 8 : 7);
	end = rest + strcspn(rest, "/?#");
	if (memchr(rest, '@', (size_t)(end - rest)) ||
	    memchr(rest, '\\', (size_t)(end - rest)))
		return refuse(err, text, "it holds a user name");
	u.authority = dup_lower(rest, (size_t)(end - rest));
	if (!u.authority)
		return error_nomem(err, "parsing a URL");
	if (split_authority(&u, text, err) < 0)
		return -1;
	if (*end != '/')
		buf_append_char(&path, '/');
	buf_append(&path, end, strcspn(end, "#"));
	u.path = buf_steal(&path);
	u.text = strndup(text, strcspn(text, "#"));
	if (!u.path || !u.text)
		return error_nomem(err, "parsing a URL");
	*ret = u;
	u = (struct url){ 0 };
	return 0;
}

void url_release(struct url *u)
{
	free(u->text);
	free(u->authority);
	free(u->host);
	free(u->path);
	*u = (struct url){ 0 };
}

static bool has_scheme(const char *text)
{
	size_t len = strcspn(text, ":/?#");

	return text[len] == ':' && len > 0;
}

int url_resolve(const struct url *base, const char *location, struct url *ret,
		struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	const char *scheme = base->https ? "https:" : "http:";
	size_t dir = strcspn(base->path, "?");

	if (has_scheme(location))
		return url_parse(location, ret, err);
	if (!strncmp(location, "//", 2)) {
		buf_printf(&text, "%s%s", scheme, location);
	} else {
		buf_printf(&text, "%s//%s", scheme, base->authority);
		if (*location != '/') {
			while (*location != '?' && base->path[dir - 1] != '/')
				dir--;
			buf_append(&text, base->path, dir);
		}
		buf_append_str(&text, location);
	}
	if (buf_check(&text, "following a redirect", err) < 0)
		return -1;
	return url_parse(text.data, ret, err);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port &&
	       !strcmp(a->host, b->host);
}

static enum url_place place_of_ipv4(struct in_addr address)
{
	uint32_t a = ntohl(address.s_addr);

	if (a >> 24 == 127 || a == 0)
		return URL_LOOPBACK;
	return a >> 16 == 0xa9fe ? URL_LINK_LOCAL : URL_ELSEWHERE;
}

static enum url_place place_of_ipv6(const struct in6_addr *a)
{
	struct in_addr v4;

	if (IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a))
		return URL_LOOPBACK;
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return URL_LINK_LOCAL;
	if (!IN6_IS_ADDR_V4MAPPED(a))
		return URL_ELSEWHERE;
	memcpy(&v4, a->s6_addr + 12, sizeof(v4));
	return place_of_ipv4(v4);
}

/* "localhost", "x.localhost", either with a dot at its end. */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t len = strlen(host), n = sizeof(name) - 1;

	if (len && host[len - 1] == '.')
		len--;
	return len >= n && !strncasecmp(host + len - n, name, n) &&
	       (len == n || host[len - n - 1] == '.');
}

enum url_place url_host_place(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char plain[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%"); /* a zone may follow */

	if (is_localhost(host))
		return URL_LOOPBACK;
	/* inet_aton() also takes 127.1, 0x7f000001 and the like. */
	if (inet_aton(host, &v4))
		return place_of_ipv4(v4);
	if (len >= sizeof(plain))
		return URL_ELSEWHERE;
	memcpy(plain, host, len);
	plain[len] = '\0';
	if (inet_pton(AF_INET6, plain, &v6) == 1)
		return place_of_ipv6(&v6);
	return URL_ELSEWHERE;
}

bool url_may_lead(const char *from, bool here, const struct url *to)
{
	enum url_place place = url_host_place(to->host);

	return place == URL_ELSEWHERE || !strcmp(to->host, from) ||
	       (place == URL_LOOPBACK && here);
}

void url_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 128 && (isalnum(c) || strchr("-._~", c)))
			buf_append_char(out, *text);
		else
			buf_printf(out, "%%%02X", c);
	}
}

void url_add_query(struct buf *url, const char *key, const char *value)
{
	bool more = url->data && strchr(url->data, '?');

	buf_append_char(url, more ? '&' : '?');
	url_escape(url, key);
	buf_append_char(url, '=');
	url_escape(url, value);
}

/*
 * The user part of the URL whose "://" is at `colon`: its bounds, with the '@'
 * behind. False when it has none.
 */
static bool find_user(const char *colon, const char **start, const char **at)
{
	const char *host = colon + 3, *p;
	size_t len = strcspn(host, "/?# \t\n\"'<>");

	*start = host;
	*at = NULL;
	/* As in browsers the last '@' counts: passwords hold them unescaped. */
	for (p = host; p < host + len; p++)
		if (*p == '@')
			*at = p;
	return *at != NULL;
}

int url_split_user(const char *text, char **plain, char **user,
		   struct error *err)
{
	AUTO(buf_release) struct buf rest = BUF_INIT;
	const char *colon = strstr(text, "://"), *start, *at;
	autofree char *found = NULL;

	if (!colon || !find_user(colon, &start, &at)) {
		*user = NULL;
		*plain = strdup(text);
		return *plain ? 0 : error_nomem(err, "reading a URL");
	}
	found = strndup(start, (size_t)(at - start));
	buf_append(&rest, text, (size_t)(start - text));
	buf_append_str(&rest, at + 1);
	if (!found || buf_check(&rest, "reading a URL", err) < 0)
		return error_nomem(err, "reading a URL");
	*plain = buf_steal(&rest);
	*user = steal_pointer(&found);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int url_unescape(const char *text, size_t len, struct buf *ret,
		 struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			buf_append_char(ret, text[i]);
			continue;
		}
		high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text[i + 2]) : -1;
		if (low < 0 || high + low == 0)
			return error_set(err, ERROR_REFUSED,
					 "bad escape sequence in a URL");
		buf_append_char(ret, (char)(high * 16 + low));
		i += 2;
	}
	return buf_check(ret, "reading a URL", err);
}

/* "https://TOKEN@host" gives the token away, "ssh://git@host" nothing. */
static bool is_secret(const char *text, const char *colon, const char *start,
		      const char *at)
{
	size_t before = (size_t)(colon - text);

	if (memchr(start, ':', (size_t)(at - start)))
		return true;
	return (before >= 4 && !strncasecmp(colon - 4, "http", 4)) ||
	       (before >= 5 && !strncasecmp(colon - 5, "https", 5));
}

void url_redact(struct buf *out, const char *text)
{
	const char *colon, *start, *at, *done = text;

	for (colon = text; (colon = strstr(colon, "://")); colon = start) {
		const char *user_end;

		if (!find_user(colon, &start, &at) ||
		    !is_secret(text, colon, start, at))
			continue;
		user_end = memchr(start, ':', (size_t)(at - start));
		buf_append(out, done, (size_t)(start - done));
		if (user_end)
			buf_append(out, start, (size_t)(user_end + 1 - start));
		buf_append_str(out, "xxxxx");
		done = at;
		start = at;
	}
	buf_append_str(out, done);
}

char *url_for_message(const char *text)
{
	struct buf plain = BUF_INIT;

	url_redact(&plain, text);
	if (plain.data)
		buf_truncate(&plain, strcspn(plain.data, "?#"));
	return buf_steal(&plain);
}
