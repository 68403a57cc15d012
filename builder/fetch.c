#include "builder/fetch.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/secret.h"
#include "registry/url.h"
#include "store/base/confined.h"
#include "store/base/path.h"

#define WHAT	 "fetching"
#define DIR_MODE 0755

int fetch_make_dir(struct batch *b, const char *prefix, char **path, int *fd,
		   struct error *err)
{
	autofree char *name = batch_fresh_name(b, prefix, err);
	autofree char *whole = NULL;
	autoclose int dir = -1;

	if (!name)
		return -1;
	if (asprintf(&whole, "%s/%s", batch_path(b), name) < 0) {
		whole = NULL;
		return error_nomem(err, WHAT);
	}
	if (mkdirat(batch_fd(b), name, DIR_MODE) < 0)
		return error_sys(err, errno, "cannot make '%s'", whole);
	dir = openat(batch_fd(b), name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, DIR_MODE) < 0)
		return error_sys(err, errno, "cannot make '%s'", whole);
	*path = steal_pointer(&whole);
	*fd = steal_fd(&dir);
	return 0;
}

/* The secret PREFIX_<host>: 1, 0, -1. */
static int find_secret(const struct fetch_env *env, const char *prefix,
		       const char *host, struct buf *ret, struct error *err)
{
	autofree char *id = NULL;

	if (asprintf(&id, "%s_%s", prefix, host) < 0) {
		id = NULL;
		return error_nomem(err, WHAT);
	}
	return secret_find(env->secrets, id, ret, err);
}

/* Append the value of Authorization that the secrets give `u`, if any. */
static int find_authorization(const struct fetch_env *env, const struct url *u,
			      struct buf *ret, struct error *err)
{
	const char *const hosts[] = { u->authority, u->host };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		int found = find_secret(env, "HTTP_AUTH_HEADER", hosts[i], ret,
					err);
		size_t before = ret->len;

		if (found)
			return found < 0 ? -1 : 0;
		buf_append_str(ret, "Bearer ");
		found = find_secret(env, "HTTP_AUTH_TOKEN", hosts[i], ret, err);
		if (found)
			return found < 0 ? -1 : buf_check(ret, WHAT, err);
		buf_truncate(ret, before);
	}
	return 0;
}

static int set_authorization(const struct fetch_env *env, const char *text,
			     struct buf *ret, struct error *err)
{
	AUTO(url_release) struct url url = { 0 };
	autofree char *plain = NULL, *user = NULL;
	struct error ignored;

	/* What is wrong with the URL is told when it is downloaded. */
	if (url_split_user(text, &plain, &user, err) < 0)
		return -1;
	if (url_parse(plain, &url, &ignored) < 0)
		return 0;
	return find_authorization(env, &url, ret, err);
}

/* A step of the progress that something is fetched in. */
struct fetch_step {
	struct progress *progress;
	unsigned number;
	const char *what;
};

static void begin_step(struct fetch_step *s, const struct fetch_env *env,
		       const char *label)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	url_redact(&text, label);
	s->progress = env->progress;
	s->number = progress_add(env->progress, text.data ? text.data : "");
	progress_start(env->progress, s->number);
}

static int end_step(const struct fetch_step *s, int done,
		    const struct error *err)
{
	char text[sizeof(err->text)];

	progress_end(s->progress, s->number, progress_outcome(done, err),
		     done < 0 ? error_message(err, text, sizeof(text)) : NULL);
	return done;
}

static void on_progress(void *ctx, int64_t current, int64_t total)
{
	const struct fetch_step *s = ctx;

	progress_transfer(s->progress, s->number, s->what, current, total,
			  NULL);
}

int fetch_file(const struct fetch_env *env, const char *label,
	       const struct download_request *rq, int fd,
	       struct downloaded *ret, struct error *err)
{
	AUTO(buf_release) struct buf authorization = BUF_INIT;
	struct download_request asked = *rq;
	struct fetch_step step;
	int done;

	if (!env->registry)
		return error_set(err, ERROR_REFUSED,
				 "nothing can be downloaded here");
	if (set_authorization(env, rq->url, &authorization, err) < 0)
		return -1;
	if (authorization.len)
		asked.authorization = authorization.data;
	begin_step(&step, env, label);
	step.what = "downloading";
	asked.progress = on_progress;
	asked.ctx = &step;
	done = end_step(&step, download(env->registry, &asked, fd, ret, err),
			err);
	if (authorization.data)
		OPENSSL_cleanse(authorization.data, authorization.capacity);
	return done;
}

struct git_access fetch_git_access(const struct fetch_env *env)
{
	return (struct git_access){
		.secrets = env->secrets,
		.ssh_agent = ssh_agents_socket(env->ssh, "default"),
		.cancel = env->cancel,
	};
}

/* Component by component; `*fd` is replaced. */
static int enter_subdir(const char *subdir, int *fd, struct error *err)
{
	while (*subdir) {
		size_t len = strcspn(subdir, "/");
		autofree char *name = strndup(subdir, len);
		int next;

		if (!name)
			return error_nomem(err, WHAT);
		next = confined_open(
			*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
		if (next < 0 && err->sys == ENOENT)
			return error_set(err, ERROR_NOT_FOUND,
					 "\"%s\" does not exist in the "
					 "repository",
					 name);
		if (next < 0 && (err->sys == ENOTDIR || err->sys == ELOOP))
			return error_set(err, ERROR_REFUSED,
					 "\"%s\" is no directory of the "
					 "repository",
					 name);
		if (next < 0)
			return -1;
		close(*fd);
		*fd = next;
		subdir += len + (subdir[len] == '/');
	}
	return 0;
}

static int fetch_work_tree(const struct fetch_env *env,
			   const struct git_url *url,
			   const struct git_commit *commit, bool keep_git_dir,
			   int dir, struct error *err)
{
	AUTO(git_commit_release) struct git_commit found = { 0 };
	const struct git_access access = fetch_git_access(env);

	if (!commit) {
		if (git_resolve(url, &access, &found, err) < 0)
			return -1;
		commit = &found;
	}
	return git_checkout(url, commit, &access, keep_git_dir, dir, err);
}

static int fetch_subdir(const struct fetch_env *env, const struct git_url *url,
			const struct git_commit *commit, bool keep_git_dir,
			char **path, int *fd, struct error *err)
{
	autofree char *root = NULL, *whole = NULL;
	autoclose int dir = -1;

	if (fetch_make_dir(env->batch, "git", &root, &dir, err) < 0 ||
	    fetch_work_tree(env, url, commit, keep_git_dir, dir, err) < 0)
		return -1;
	if (enter_subdir(url->subdir, &dir, err) < 0)
		return error_wrap(err, "repository %s", url->remote);
	if (asprintf(&whole, "%s%s%s", root, *url->subdir ? "/" : "",
		     url->subdir) < 0) {
		whole = NULL;
		return error_nomem(err, WHAT);
	}
	*path = steal_pointer(&whole);
	*fd = steal_fd(&dir);
	return 0;
}

int fetch_repository(const struct fetch_env *env, const char *label,
		     const struct git_url *url, const struct git_commit *commit,
		     bool keep_git_dir, char **path, int *fd, struct error *err)
{
	struct fetch_step step;

	begin_step(&step, env, label);
	return end_step(
		&step,
		fetch_subdir(env, url, commit, keep_git_dir, path, fd, err),
		err);
}

char *fetch_file_name(const char *url, struct error *err)
{
	const char *host = strstr(url, "://");
	const char *path = host ? host + 3 + strcspn(host + 3, "/?#") : "";
	size_t len = strcspn(path, "?#");
	AUTO(buf_release) struct buf plain = BUF_INIT;
	const char *name;
	char *copy;

	buf_append_str(&plain, "");
	if (url_unescape(path, len, &plain, err) < 0)
		return NULL;
	while (plain.len && plain.data[plain.len - 1] == '/')
		buf_truncate(&plain, plain.len - 1);
	name = plain.data ? path_base(plain.data) : "";
	if (!strcmp(name, "..") || !strcmp(name, ".") ||
	    strlen(name) > NAME_MAX) {
		error_set(err, ERROR_REFUSED,
			  "the URL names no file: \"%.300s\"", name);
		return NULL;
	}
	copy = strdup(*name ? name : "__unnamed__");
	if (!copy)
		error_nomem(err, WHAT);
	return copy;
}
