#include "registry/login.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "registry/base64.h"
#include "registry/credential_helper.h"
#include "registry/request.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/lock.h"
#include "store/base/path.h"
#include "store/base/text.h"

#define FILE_MAX ((size_t)4 << 20)
#define HUB	 "docker.io"

/* ---- whom ---- */

char *login_domain(const char *text, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	AUTO(buf_release) struct buf name = BUF_INIT;
	const char *host = text ? text : HUB;
	size_t len;

	if (auth_key_names_host(host, HUB))
		host = HUB;
	else if (!strncasecmp(host, "https://", 8) ||
		 !strncasecmp(host, "http://", 7))
		host = strstr(host, "://") + 3;
	len = strcspn(host, "/");
	/* What a reference takes for a host is one. */
	buf_append(&name, host, len);
	buf_append_str(&name, "/a");
	if (buf_check(&name, "logging in", err) < 0)
		return NULL;
	if (host[len] && strcmp(host + len, "/") != 0) {
		error_set(err, ERROR_USAGE,
			  "\"%s\" names more than a host; logging in is for a "
			  "whole registry",
			  text);
		return NULL;
	}
	if (reference_parse(name.data, &ref, err) < 0 ||
	    strlen(ref.domain) != len || strncasecmp(ref.domain, host, len)) {
		error_set(err, ERROR_USAGE,
			  "\"%s\" is not a registry's host, such as "
			  "registry.example.com or localhost:5000",
			  text);
		return NULL;
	}
	/* Other tools look for the name as it is usually written. */
	text_lower(ref.domain);
	return steal_pointer(&ref.domain);
}

int login_try(struct registry *r, const char *domain, bool *asked,
	      struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	struct request rq = { .method = "GET", .path = "/v2/" };
	struct host *h;

	if (client_host(r, domain, &h, err) < 0 ||
	    request_send(r, h, &rq, &reply, err) < 0)
		return -1;
	*asked = h->challenge.scheme != CHALLENGE_NONE;
	return 0;
}

/* ---- config.json ---- */

/* The file, held against others who change it until it is released. */
struct login_file {
	char *path; /* links resolved: they stay */
	int dir;    /* holds the lock */
	json_t *root;
	struct auth_file *parsed; /* the same, as lookups understand it */
};

static void login_file_release(struct login_file *f)
{
	free(f->path);
	if (f->dir >= 0)
		close(f->dir);
	json_decref(f->root);
	auth_file_free(f->parsed);
}
DEFINE_RELEASE(struct login_file, login_file_release);

static char *config_path(const struct credentials_options *options,
			 struct error *err)
{
	const char *only = getenv("REGISTRY_AUTH_FILE");
	const char *docker = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");
	struct buf path = BUF_INIT;

	if (options->config_dir)
		buf_printf(&path, "%s/config.json", options->config_dir);
	else if (only && *only)
		buf_append_str(&path, only);
	else if (docker && *docker)
		buf_printf(&path, "%s/config.json", docker);
	else if (home && *home)
		buf_printf(&path, "%s/.docker/config.json", home);
	if (!path.len && !path.failed) {
		error_set(err, ERROR_USAGE,
			  "no place for credentials: set HOME or "
			  "DOCKER_CONFIG");
		return NULL;
	}
	return buf_steal_checked(&path, "finding config.json", err);
}

/* Lock the folder: the file itself is replaced by whoever changes it. */
static int lock_folder(struct login_file *f, struct error *err)
{
	autofree char *resolved = realpath(f->path, NULL);
	autofree char *dir = NULL;

	if (resolved) {
		free(f->path);
		f->path = steal_pointer(&resolved);
	}
	dir = strndup(f->path, (size_t)(path_base(f->path) - f->path));
	if (!dir)
		return error_nomem(err, "opening config.json");
	if (*dir && io_make_dirs(dir, 0700, err) < 0)
		return -1;
	f->dir = open(*dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0)
		return error_sys(err, errno, "cannot open '%s'", dir);
	return lock_fd(f->dir, LOCK_EXCLUSIVE, dir, NULL, err);
}

static int read_file(struct login_file *f, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error problem = ERROR_INIT;

	if (io_read_file(AT_FDCWD, f->path, FILE_MAX, &text, &problem) < 0 &&
	    problem.kind != ERROR_NOT_FOUND) {
		*err = problem;
		return -1;
	}
	if (!text.len)
		buf_append_str(&text, "{}");
	if (buf_check(&text, "reading credentials", err) < 0 ||
	    auth_file_parse(text.data, text.len, f->path, &f->parsed, err) < 0)
		return -1;
	f->root = json_parse(text.data, text.len, f->path, err);
	OPENSSL_cleanse(text.data, text.len);
	return f->root ? 0 : -1;
}

static int open_file(struct login_file *f,
		     const struct credentials_options *options,
		     struct error *err)
{
	f->path = config_path(options, err);
	if (!f->path || lock_folder(f, err) < 0)
		return -1;
	return read_file(f, err);
}

static int write_file(const struct login_file *f, struct error *err)
{
	autofree char *text =
		json_dumps(f->root, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	int failed;

	if (!text)
		return error_nomem(err, "writing credentials");
	failed = io_replace_file(AT_FDCWD, f->path, text, strlen(text), 0600,
				 true, err);
	OPENSSL_cleanse(text, strlen(text));
	return failed;
}

/* Drop all entries of the host: of two that fit equally, which one counts? */
static bool drop_entries(struct login_file *f, const char *domain)
{
	json_t *auths = json_object_get(f->root, "auths");
	const char *key;
	json_t *value;
	void *next;
	bool found = false;

	json_object_foreach_safe(auths, next, key, value) {
		if (auth_key_names_host(key, domain))
			found = json_object_del(auths, key) == 0;
	}
	return found;
}

static int set_entry(struct login_file *f, const char *domain, json_t *entry,
		     struct error *err)
{
	json_t *auths = json_object_get(f->root, "auths");

	if (!json_is_object(auths)) {
		auths = json_object();
		if (json_object_set_new(f->root, "auths", auths) < 0) {
			json_decref(entry);
			return error_nomem(err, "keeping credentials");
		}
	}
	if (!entry ||
	    json_object_set_new(auths, auth_server_name(domain), entry) < 0)
		return error_nomem(err, "keeping credentials");
	return 0;
}

static json_t *plain_entry(const struct credential *c)
{
	AUTO(buf_release) struct buf plain = BUF_INIT, coded = BUF_INIT;
	json_t *entry = NULL;

	buf_printf(&plain, "%s:%s", c->username, c->password);
	if (!plain.failed)
		base64_encode(plain.data, plain.len, &coded);
	if (!plain.failed && !coded.failed)
		entry = json_pack("{s:s}", "auth", coded.data);
	if (plain.data)
		OPENSSL_cleanse(plain.data, plain.capacity);
	if (coded.data)
		OPENSSL_cleanse(coded.data, coded.capacity);
	return entry;
}

/* The helper that the file wants asked first, or NULL. */
static const char *helper_of(const struct login_file *f, const char *domain)
{
	const char *helper = auth_file_host_helper(f->parsed, domain);

	if (!helper || !*helper)
		helper = auth_file_store_helper(f->parsed);
	return helper && *helper ? helper : NULL;
}

static int tell_place(const struct login_file *f, const char *helper,
		      char **where, struct error *err)
{
	struct buf text = BUF_INIT;

	if (helper)
		buf_printf(&text, "credential helper '%s'", helper);
	else
		buf_append_str(&text, f->path);
	*where = buf_steal_checked(&text, "keeping credentials", err);
	return *where ? 0 : -1;
}

int login_store(const struct credentials_options *options, const char *domain,
		const struct credential *c, char **where, struct error *err)
{
	AUTO(login_file_release) struct login_file f = { .dir = -1 };
	const char *helper;

	if (open_file(&f, options, err) < 0)
		return -1;
	helper = helper_of(&f, domain);
	if (helper && credential_helper_store(helper, auth_server_name(domain),
					      c, options->helper_timeout_ms,
					      options->cancel, err) < 0)
		return -1;
	drop_entries(&f, domain);
	/* With a helper an empty entry only says that there is something. */
	if (set_entry(&f, domain, helper ? json_object() : plain_entry(c),
		      err) < 0 ||
	    write_file(&f, err) < 0)
		return -1;
	return tell_place(&f, helper, where, err);
}

int login_erase(const struct credentials_options *options, const char *domain,
		bool *found, char **where, struct error *err)
{
	AUTO(login_file_release) struct login_file f = { .dir = -1 };
	const char *helper;

	if (open_file(&f, options, err) < 0)
		return -1;
	helper = helper_of(&f, domain);
	if (helper && credential_helper_erase(helper, auth_server_name(domain),
					      options->helper_timeout_ms,
					      options->cancel, err) < 0)
		return -1;
	*found = drop_entries(&f, domain);
	if (*found && write_file(&f, err) < 0)
		return -1;
	return tell_place(&f, helper, where, err);
}
