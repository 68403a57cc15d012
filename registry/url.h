/*
 * HTTP URLs as registries hand them out (Location, realm) and what must be
 * known of them before anything is sent there.
 */
#ifndef REGISTRY_URL_H
#define REGISTRY_URL_H

#include <stdbool.h>

#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/error.h"

struct url {
	char *text; /* the whole, without fragment */
	bool https;
	char *authority; /* "host" or "host:port" as written, lower case */
	char *host;	 /* without port and brackets, lower case */
	int port;	 /* 80 or 443 when not written */
	char *path;	 /* from '/', with the query */
};

/*
 * Only http and https, no user names, no control characters or blanks, at
 * most 16 KiB. ERROR_REFUSED.
 */
int url_parse(const char *text, struct url *ret, struct error *err);
void url_release(struct url *u);
DEFINE_RELEASE(struct url, url_release);

/* What `location` means when it was answered by `base`. */
int url_resolve(const struct url *base, const char *location, struct url *ret,
		struct error *err);

/* Same scheme, host and port: what credentials are bound to. */
bool url_same_origin(const struct url *a, const struct url *b);

enum url_place {
	URL_ELSEWHERE,
	URL_LOOPBACK,	/* this machine: localhost, 127/8, ::1, 0.0.0.0 */
	URL_LINK_LOCAL, /* 169.254/16, fe80::/10: cloud metadata services */
};

/*
 * Judged by the literal address. Names are elsewhere but for localhost and what
 * ends in ".localhost", which never leave this machine (RFC 6761).
 */
enum url_place url_host_place(const char *host);

/*
 * A server called `from`, which is `here` (on this machine) or not, names `to`
 * as the place to go on at. May it, by the literal address? Nobody leads to
 * where only this machine or its link can see, but whoever is there already.
 */
bool url_may_lead(const char *from, bool here, const struct url *to);

/* Append "key=value" percent-encoded, after '?' or '&' as `url` needs. */
void url_add_query(struct buf *url, const char *key, const char *value);

/* Append `text` percent-encoded. */
void url_escape(struct buf *out, const char *text);

/*
 * Take "user:password@" out of a URL of any scheme. `*user` is what stood
 * there, still percent-encoded, or NULL. The caller frees both.
 */
int url_split_user(const char *text, char **plain, char **user,
		   struct error *err);

/* Append `text` with its "%41" decoded; ERROR_REFUSED for "%00" and "%x". */
int url_unescape(const char *text, size_t len, struct buf *ret,
		 struct error *err);

/*
 * Append any text with the passwords in its URLs replaced by "xxxxx"; a user
 * alone is one, too, in http and https, where tokens are given that way.
 */
void url_redact(struct buf *out, const char *text);

/*
 * The URL up to its query and without a user, for messages: queries carry
 * signatures.
 */
char *url_for_message(const char *text);

#endif
