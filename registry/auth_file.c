#include "registry/auth_file.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "registry/base64.h"
#include "store/base/buf.h"
#include "store/base/json.h"

#define HUB_DOMAIN "docker.io"
#define HUB_SERVER "https://index.docker.io/v1/"

struct auth_file {
	json_t *root;
	const json_t *auths; /* object, or NULL */
	char *what;
};

static void free_secret(char **secret)
{
	if (*secret)
		OPENSSL_cleanse(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void credential_release(struct credential *c)
{
	free_secret(&c->username);
	free_secret(&c->password);
	free_secret(&c->identity_token);
	free_secret(&c->registry_token);
}

bool credential_is_set(const struct credential *c)
{
	return c->username || c->identity_token || c->registry_token;
}

static bool copy_member(const char *from, char **to)
{
	if (!from)
		return true;
	*to = strdup(from);
	return *to;
}

int credential_copy(const struct credential *from, struct credential *to,
		    struct error *err)
{
	AUTO(credential_release) struct credential copy = { 0 };

	if (!copy_member(from->username, &copy.username) ||
	    !copy_member(from->password, &copy.password) ||
	    !copy_member(from->identity_token, &copy.identity_token) ||
	    !copy_member(from->registry_token, &copy.registry_token))
		return error_nomem(err, "copying credentials");
	*to = copy;
	copy = (struct credential){ 0 };
	return 0;
}

/* .dockercfg is the auths object itself, from before config.json. */
static const json_t *find_auths(const json_t *root)
{
	const json_t *auths = json_object_get(root, "auths");
	const char *key;
	const json_t *value;

	if (json_is_object(auths))
		return auths;
	json_object_foreach((json_t *)root, key, value) {
		if (!json_is_object(value) ||
		    (!json_object_get(value, "auth") &&
		     !json_object_get(value, "username")))
			return NULL;
	}
	return root;
}

int auth_file_parse(const char *data, size_t len, const char *what,
		    struct auth_file **ret, struct error *err)
{
	AUTO(auth_file_free) struct auth_file *f = calloc(1, sizeof(*f));

	if (!f)
		return error_nomem(err, "reading credentials");
	f->what = strdup(what);
	if (!f->what)
		return error_nomem(err, "reading credentials");
	f->root = json_parse(data, len, what, err);
	if (!f->root) {
		if (err->kind == ERROR_INTEGRITY)
			err->kind = ERROR_USAGE;
		return -1;
	}
	if (!json_is_object(f->root))
		return error_set(err, ERROR_USAGE, "%s is not a JSON object",
				 what);
	f->auths = find_auths(f->root);
	*ret = steal_pointer(&f);
	return 0;
}

void auth_file_free(struct auth_file *f)
{
	if (!f)
		return;
	json_decref(f->root);
	free(f->what);
	free(f);
}

static bool is_hub(const char *host, size_t len)
{
	static const char *const names[] = {
		HUB_DOMAIN,
		"index." HUB_DOMAIN,
		"registry-1." HUB_DOMAIN,
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len &&
		    !strncasecmp(names[i], host, len))
			return true;
	return false;
}

static bool is_host(const char *domain, const char *host, size_t len)
{
	if (is_hub(domain, strlen(domain)))
		return is_hub(host, len);
	return strlen(domain) == len && !strncasecmp(domain, host, len);
}

/*
 * How well a key fits: 0 not at all, 1 as an old style URL of the host, 2 as
 * the host itself, more the longer a repository prefix it names.
 */
static size_t key_fit(const char *key, const char *domain, const char *path)
{
	const char *host = key, *rest;
	bool has_scheme = false;

	if (!strncasecmp(host, "https://", 8) ||
	    !strncasecmp(host, "http://", 7)) {
		host = strstr(host, "://") + 3;
		has_scheme = true;
	}
	rest = strchrnul(host, '/');
	if (!is_host(domain, host, (size_t)(rest - host)))
		return 0;
	if (*rest == '/')
		rest++;
	if (!strcmp(key, HUB_SERVER))
		return 2;
	if (has_scheme || !strcmp(rest, "v1/") || !strcmp(rest, "v2/") ||
	    !strcmp(rest, "v1") || !strcmp(rest, "v2"))
		return 1;
	if (!*rest)
		return 2;
	if (!path || strncmp(path, rest, strlen(rest)) != 0)
		return 0;
	if (path[strlen(rest)] && path[strlen(rest)] != '/')
		return 0;
	return 2 + strlen(rest);
}

/* Split "user:password" at the first colon. */
static int split_auth(struct buf *plain, struct credential *ret)
{
	char *colon;

	while (plain->len && plain->data[plain->len - 1] == '\0')
		plain->len--;
	if (!plain->len || memchr(plain->data, '\0', plain->len))
		return -1;
	colon = strchr(plain->data, ':');
	if (!colon)
		return -1;
	ret->username = strndup(plain->data, (size_t)(colon - plain->data));
	ret->password = strdup(colon + 1);
	return 0;
}

static int read_auth(const char *auth, struct credential *ret,
		     struct error *err)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;
	int good = base64_decode(auth, &plain) == 0 &&
		   split_auth(&plain, ret) == 0;

	if (plain.data)
		OPENSSL_cleanse(plain.data, plain.capacity);
	if (plain.failed || (good && (!ret->username || !ret->password)))
		return error_nomem(err, "reading credentials");
	if (!good)
		return error_set(err, ERROR_USAGE,
				 "\"auth\" is not base64 of user:password");
	return 0;
}

/* A copy of a non-empty string member. */
static int take_string(const json_t *entry, const char *key, char **ret,
		       struct error *err)
{
	const char *value = json_get_string(entry, key);

	if (!value || !*value)
		return 0;
	*ret = strdup(value);
	return *ret ? 0 : error_nomem(err, "reading credentials");
}

static int read_entry(const json_t *entry, struct credential *ret,
		      struct error *err)
{
	const char *auth = json_get_string(entry, "auth");

	if (auth && *auth) {
		if (read_auth(auth, ret, err) < 0)
			return -1;
	} else if (take_string(entry, "username", &ret->username, err) < 0 ||
		   take_string(entry, "password", &ret->password, err) < 0) {
		return -1;
	}
	if (take_string(entry, "identitytoken", &ret->identity_token, err) < 0)
		return -1;
	return take_string(entry, "registrytoken", &ret->registry_token, err);
}

int auth_file_find(const struct auth_file *f, const char *domain,
		   const char *path, struct credential *ret, struct error *err)
{
	AUTO(credential_release) struct credential found = { 0 };
	const json_t *entry, *best = NULL;
	const char *key, *best_key = NULL;
	size_t best_fit = 0;

	json_object_foreach((json_t *)f->auths, key, entry) {
		size_t fit = key_fit(key, domain, path);

		if (fit > best_fit) {
			best_fit = fit;
			best = entry;
			best_key = key;
		}
	}
	if (best && read_entry(best, &found, err) < 0)
		return error_wrap(err, "%s: entry for '%s'", f->what, best_key);
	*ret = found;
	found = (struct credential){ 0 };
	return 0;
}

const char *auth_file_host_helper(const struct auth_file *f, const char *domain)
{
	json_t *helpers = json_object_get(f->root, "credHelpers");
	const json_t *value;
	const char *key;

	json_object_foreach(helpers, key, value) {
		if (key_fit(key, domain, NULL))
			return json_string_value(value);
	}
	return NULL;
}

const char *auth_file_store_helper(const struct auth_file *f)
{
	return json_get_string(f->root, "credsStore");
}

bool auth_key_names_host(const char *key, const char *domain)
{
	return key_fit(key, domain, NULL);
}

const char *auth_server_name(const char *domain)
{
	return is_hub(domain, strlen(domain)) ? HUB_SERVER : domain;
}
