#include "registry/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

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

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
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

enum url_place url_host_place(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char plain[INET6_ADDRSTRLEN];
	size_t len = strcspn(host, "%"); /* a zone may follow */

	if (!strcasecmp(host, "localhost") || !strcasecmp(host, "localhost."))
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

char *url_for_message(const char *text)
{
	return strndup(text, strcspn(text, "?#"));
}
