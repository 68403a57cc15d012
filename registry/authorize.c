#include "registry/authorize.h"

#include <string.h>

#include "registry/base64.h"
#include "registry/token.h"

void authorization_release(struct authorization *a)
{
	if (a->line)
		explicit_bzero(a->line, strlen(a->line));
	free(a->line);
	*a = (struct authorization){ 0 };
}

/* The credential for a repository; unset after a helper's failure. */
static int find_credential(struct registry *r, struct host *h,
			   const struct access *a, struct credential *ret,
			   struct error *err)
{
	struct error problem = ERROR_INIT;

	if (credentials_find(r->credentials, h->domain, a->repository,
			     !h->mirror, ret, &problem) == 0)
		return 0;
	if (problem.kind != ERROR_AUTH) {
		*err = problem;
		return -1;
	}
	if (!*h->problem) {
		error_message(&problem, h->problem, sizeof(h->problem));
		http_tell(&r->http, "warning: %s; going on without",
			  h->problem);
	}
	return 0;
}

static char *basic_line(const struct credential *c)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;
	struct buf line = BUF_INIT;

	buf_printf(&plain, "%s:%s", c->username,
		   c->password ? c->password : "");
	if (plain.failed)
		return NULL;
	buf_append_str(&line, "Authorization: Basic ");
	base64_encode(plain.data, plain.len, &line);
	explicit_bzero(plain.data, plain.len);
	return buf_steal(&line);
}

static char *bearer_line(const char *token)
{
	struct buf line = BUF_INIT;

	/* Out of a user's file: it must not end the field. */
	if (strpbrk(token, "\r\n"))
		return NULL;
	buf_printf(&line, "Authorization: Bearer %s", token);
	return buf_steal(&line);
}

static void add_scope(struct strv *scopes, const char *scope, size_t len)
{
	for (size_t i = 0; i < scopes->len; i++)
		if (strlen(scopes->items[i]) == len &&
		    !strncmp(scopes->items[i], scope, len))
			return;
	if (len)
		strv_append_len(scopes, scope, len);
}

static void add_repository(struct strv *scopes, const char *repository,
			   const char *actions)
{
	struct buf scope = BUF_INIT;

	buf_printf(&scope, "repository:%s:%s", repository, actions);
	if (scope.failed)
		scopes->failed = true;
	else
		add_scope(scopes, scope.data, scope.len);
	buf_release(&scope);
}

/* What we know we need, and what a 401 said is missing. */
static int collect_scopes(const struct access *a, const struct challenge *asked,
			  struct strv *scopes, struct error *err)
{
	const char *p = asked && asked->scope ? asked->scope : "";

	if (a->repository)
		add_repository(scopes, a->repository,
			       a->push ? "pull,push" : "pull");
	if (a->also_pull)
		add_repository(scopes, a->also_pull, "pull");
	while (*p) {
		size_t len = strcspn(p, " ");

		add_scope(scopes, p, len);
		p += len + (p[len] == ' ');
	}
	return strv_check(scopes, "asking for a token", err);
}

/* A token server at the host's own origin is the host. */
static int realm_tls(struct registry *r, struct host *h, const char *realm,
		     const struct http_tls **ret, struct error *err)
{
	AUTO(url_release) struct url url = { 0 };

	if (url_parse(realm, &url, err) < 0 ||
	    (!url_same_origin(&url, &h->base) &&
	     client_host(r, url.authority, &h, err) < 0))
		return -1;
	*ret = &h->tls;
	return 0;
}

static int bearer(struct registry *r, struct host *h, const struct access *a,
		  const struct challenge *asked, const struct credential *c,
		  char **ret, struct error *err)
{
	AUTO(strv_release) struct strv scopes = STRV_INIT;
	autofree char *token = NULL;
	struct token_request rq = {
		.challenge = asked ? asked : &h->challenge,
		.credential = c,
		.scopes = &scopes,
		.repository = a->repository,
		.fresh = asked,
	};

	if (collect_scopes(a, asked, &scopes, err) < 0 ||
	    realm_tls(r, h, rq.challenge->realm, &rq.tls, err) < 0 ||
	    token_get(h, &r->http, &rq, &token, err) < 0)
		return -1;
	*ret = bearer_line(token);
	return *ret ? 0 : error_nomem(err, "authorizing a request");
}

static int make_line(struct registry *r, struct host *h, const struct access *a,
		     const struct challenge *asked, const struct credential *c,
		     char **ret, struct error *err)
{
	enum challenge_scheme scheme =
		asked ? asked->scheme : h->challenge.scheme;

	if (c->registry_token)
		*ret = bearer_line(c->registry_token);
	else if (scheme == CHALLENGE_BEARER)
		return bearer(r, h, a, asked, c, ret, err);
	else if (c->username)
		*ret = basic_line(c);
	else
		return 0;
	return *ret ? 0 : error_nomem(err, "authorizing a request");
}

static int authorize_locked(struct registry *r, struct host *h,
			    const struct access *a,
			    const struct challenge *asked,
			    struct authorization *ret, struct error *err)
{
	AUTO(credential_release) struct credential c = { 0 };

	*ret = (struct authorization){ .anonymous = true };
	if (!asked && h->challenge.scheme == CHALLENGE_NONE)
		return 0;
	if (find_credential(r, h, a, &c, err) < 0)
		return -1;
	ret->anonymous = !credential_is_set(&c);
	return make_line(r, h, a, asked, &c, &ret->line, err);
}

/* Copy what a 401 asked for, when the first contact asked for nothing. */
static int learn(struct host *h, const struct challenge *asked,
		 struct error *err)
{
	struct challenge c = { .scheme = asked->scheme };

	if (h->challenge.scheme != CHALLENGE_NONE)
		return 0;
	c.realm = asked->realm ? strdup(asked->realm) : NULL;
	c.service = asked->service ? strdup(asked->service) : NULL;
	if (!c.realm != !asked->realm || !c.service != !asked->service) {
		challenge_release(&c);
		return error_nomem(err, "authorizing a request");
	}
	challenge_release(&h->challenge);
	h->challenge = c;
	return 0;
}

int authorize(struct registry *r, struct host *h, const struct access *a,
	      const struct challenge *asked, struct authorization *ret,
	      struct error *err)
{
	int failed = 0;

	pthread_mutex_lock(&h->lock);
	if (asked)
		failed = learn(h, asked, err);
	if (!failed)
		failed = authorize_locked(r, h, a, asked, ret, err);
	pthread_mutex_unlock(&h->lock);
	return failed;
}
