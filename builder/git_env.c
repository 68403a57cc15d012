#include "builder/git_env.h"

#include <openssl/crypto.h>
#include <string.h>

#include "builder/secret.h"
#include "registry/base64.h"
#include "registry/url.h"

#define WHAT "preparing git"

/* What git and its helpers are told of our own environment. */
static const char *const passed[] = {
	"PATH",		  "TMPDIR",    "HTTP_PROXY",	"HTTPS_PROXY",
	"NO_PROXY",	  "ALL_PROXY", "http_proxy",	"https_proxy",
	"no_proxy",	  "all_proxy", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND",
	"GIT_SSL_CAINFO",
};

static const struct {
	const char *name, *value;
} fixed[] = {
	{ "LC_ALL", "C" },
	{ "HOME", "/dev/null" },
	{ "GIT_CONFIG_NOSYSTEM", "1" },
	{ "GIT_CONFIG_GLOBAL", "/dev/null" },
	{ "GIT_ATTR_NOSYSTEM", "1" },
	{ "GIT_TERMINAL_PROMPT", "0" },
	{ "GIT_ASKPASS", "" },
	{ "SSH_ASKPASS", "" },
	/* ext:: runs commands, and a submodule by file: reads our disk. */
	{ "GIT_ALLOW_PROTOCOL", "http:https:ssh:git" },
	{ "GIT_PROTOCOL_FROM_USER", "0" },
};

/* Configuration that no file, of the repository either, can override. */
static const struct {
	const char *key, *value;
} settings[] = {
	{ "core.hooksPath", "/dev/null" },
	{ "core.fsmonitor", "false" },
	{ "core.autocrlf", "false" },
	{ "core.symlinks", "true" },
	{ "credential.helper", "" },
	{ "gc.auto", "0" },
	{ "maintenance.auto", "false" },
	{ "advice.detachedHead", "false" },
	{ "init.defaultBranch", "main" },
	/* The folder is ours, whoever owns the file system it is on. */
	{ "safe.directory", "*" },
	/* Less than a byte in a second, for a minute, is a stall. */
	{ "http.lowSpeedLimit", "1" },
	{ "http.lowSpeedTime", "60" },
};

struct config {
	struct strv *env;
	unsigned n;
};

static void put_setting(struct config *c, const char *key, const char *value)
{
	char name[64];

	snprintf(name, sizeof(name), "GIT_CONFIG_KEY_%u", c->n);
	strv_env_set(c->env, name, key);
	snprintf(name, sizeof(name), "GIT_CONFIG_VALUE_%u", c->n);
	strv_env_set(c->env, name, value);
	snprintf(name, sizeof(name), "%u", ++c->n);
	strv_env_set(c->env, "GIT_CONFIG_COUNT", name);
}

/* A server whose key is not known is not talked to; there is nobody to ask. */
static void put_ssh(struct strv *env)
{
	const char *home = getenv("HOME");
	AUTO(buf_release) struct buf command = BUF_INIT;

	if (strv_env_get(env, "GIT_SSH_COMMAND"))
		return;
	buf_append_str(&command, "ssh -F none -o BatchMode=yes "
				 "-o StrictHostKeyChecking=yes "
				 "-o ConnectTimeout=30 "
				 "-o ServerAliveInterval=15");
	/* The path becomes part of a shell's command line. */
	if (home && *home == '/' && !strpbrk(home, "'\" \t\n"))
		buf_printf(&command,
			   " -o 'UserKnownHostsFile=%s/.ssh/known_hosts'",
			   home);
	if (command.failed)
		env->failed = true;
	else
		strv_env_set(env, "GIT_SSH_COMMAND", command.data);
}

/* May this secret be sent there? Unnamed ones are not for open lines. */
static bool may_send(const struct git_url *url, bool for_host)
{
	autofree char *host = strndup(url->host, strcspn(url->host, ":"));

	return url->https || for_host ||
	       (host && url_host_place(host) == URL_LOOPBACK);
}

/* The secret NAME.HOST, else NAME: 1, 0, -1. */
static int find_secret(const struct git_url *url, const struct git_access *how,
		       const char *name, struct buf *ret, struct error *err)
{
	autofree char *scoped = NULL;
	int found;

	if (asprintf(&scoped, "%s.%s", name, url->host) < 0) {
		scoped = NULL;
		return error_nomem(err, WHAT);
	}
	found = secret_find(how->secrets, scoped, ret, err);
	if (!found && may_send(url, false))
		found = secret_find(how->secrets, name, ret, err);
	while (found > 0 && ret->len && strchr("\r\n", ret->data[ret->len - 1]))
		buf_truncate(ret, ret->len - 1);
	return found;
}

static void append_basic(struct buf *value, const void *user, size_t len)
{
	buf_append_str(value, "Basic ");
	base64_encode(user, len, value);
}

/* "user", percent-encoded and perhaps without a password. */
static int url_value(const struct git_url *url, struct buf *value,
		     struct error *err)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;

	if (url_unescape(url->user, strlen(url->user), &plain, err) < 0)
		return -1;
	if (!strchr(url->user, ':'))
		buf_append_char(&plain, ':');
	append_basic(value, plain.data, plain.len);
	return buf_check(&plain, WHAT, err) < 0 ? -1 : 1;
}

/* As the servers of the large hosts take tokens. */
static int token_value(const struct buf *token, struct buf *value,
		       struct error *err)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;

	buf_append_str(&plain, "x-access-token:");
	buf_append(&plain, token->data, token->len);
	if (buf_check(&plain, WHAT, err) < 0)
		return -1;
	append_basic(value, plain.data, plain.len);
	OPENSSL_cleanse(plain.data, plain.capacity);
	return 1;
}

/* The value of Authorization: 1, 0 when there is none, -1. */
static int authorization(const struct git_url *url,
			 const struct git_access *how, struct buf *value,
			 struct error *err)
{
	AUTO(buf_release) struct buf token = BUF_INIT;
	int found;

	if (!url->http)
		return 0;
	if (url->user)
		return url_value(url, value, err);
	found = find_secret(url, how, "GIT_AUTH_HEADER", value, err);
	if (found)
		return found;
	found = find_secret(url, how, "GIT_AUTH_TOKEN", &token, err);
	if (found > 0)
		found = token_value(&token, value, err);
	if (token.data)
		OPENSSL_cleanse(token.data, token.capacity);
	return found;
}

static int put_authorization(const struct git_url *url,
			     const struct git_access *how, struct config *c,
			     struct error *err)
{
	AUTO(buf_release) struct buf value = BUF_INIT;
	autofree char *key = NULL, *line = NULL;
	int found = authorization(url, how, &value, err);

	if (found <= 0)
		return found;
	if (!value.data || strpbrk(value.data, "\r\n"))
		return error_set(err, ERROR_USAGE,
				 "the secret for %s is no header value",
				 url->host);
	if (asprintf(&key, "http.%s://%s/.extraHeader",
		     url->https ? "https" : "http", url->host) < 0)
		key = NULL;
	if (asprintf(&line, "Authorization: %s", value.data) < 0)
		line = NULL;
	if (!key || !line || buf_check(&value, WHAT, err) < 0)
		return error_nomem(err, WHAT);
	put_setting(c, key, line);
	/* git would show the header wherever a redirect sends it. */
	put_setting(c, "http.followRedirects", "false");
	OPENSSL_cleanse(line, strlen(line));
	OPENSSL_cleanse(value.data, value.capacity);
	return 0;
}

int git_environment(const struct git_url *url, const struct git_access *how,
		    struct strv *env, struct error *err)
{
	struct config config = { .env = env };
	const char *ca = getenv("SSL_CERT_FILE");
	const char *ca_dir = getenv("SSL_CERT_DIR");

	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		const char *value = getenv(passed[i]);

		if (value && *value)
			strv_env_set(env, passed[i], value);
	}
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		strv_env_set(env, fixed[i].name, fixed[i].value);
	if (how->ssh_agent)
		strv_env_set(env, "SSH_AUTH_SOCK", how->ssh_agent);
	put_ssh(env);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		put_setting(&config, settings[i].key, settings[i].value);
	if (ca && *ca)
		put_setting(&config, "http.sslCAInfo", ca);
	if (ca_dir && *ca_dir)
		put_setting(&config, "http.sslCAPath", ca_dir);
	if (put_authorization(url, how, &config, err) < 0)
		return -1;
	return strv_check(env, WHAT, err);
}
