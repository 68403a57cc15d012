#include "registry/credentials.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "registry/credential_helper.h"
#include "store/base/io.h"
#include "store/base/map.h"

#define FILE_MAX    ((size_t)4 << 20)
#define MAX_SOURCES 8

struct credentials {
	struct credentials_options options; /* its strings: the copies below */
	char *given;
	char *config_dir;
	pthread_mutex_t lock; /* for all below, and while a helper runs */
	bool loaded;
	struct auth_file *files[MAX_SOURCES];
	size_t n_files;
	struct map *answers; /* "helper\nserver" -> struct credential */
};

static void free_answer(void *value)
{
	credential_release(value);
	free(value);
}

int credentials_new(const struct credentials_options *options,
		    struct credentials **ret, struct error *err)
{
	AUTO(credentials_free) struct credentials *c = calloc(1, sizeof(*c));

	if (!c)
		return error_nomem(err, "preparing credentials");
	pthread_mutex_init(&c->lock, NULL);
	c->options = *options;
	c->given = options->given ? strdup(options->given) : NULL;
	c->config_dir =
		options->config_dir ? strdup(options->config_dir) : NULL;
	c->answers = map_new(free_answer);
	if (!c->answers || !c->given != !options->given ||
	    !c->config_dir != !options->config_dir)
		return error_nomem(err, "preparing credentials");
	if (c->given && !strchr(c->given, ':'))
		return error_set(err, ERROR_USAGE,
				 "credentials must be given as user:password");
	*ret = steal_pointer(&c);
	return 0;
}

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_files; i++)
		auth_file_free(c->files[i]);
	map_free(c->answers);
	if (c->given)
		explicit_bzero(c->given, strlen(c->given));
	free(c->given);
	free(c->config_dir);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int add_document(struct credentials *c, const char *data, size_t len,
			const char *what, struct error *err)
{
	if (auth_file_parse(data, len, what, &c->files[c->n_files], err) < 0)
		return -1;
	c->n_files++;
	return 0;
}

/* `dir` "/" `name`; a file that is not there is no error, nor an empty one. */
static int add_file(struct credentials *c, const char *dir, const char *name,
		    struct error *err)
{
	AUTO(buf_release) struct buf path = BUF_INIT, text = BUF_INIT;

	if (!dir || !*dir)
		return 0;
	buf_printf(&path, "%s%s", dir, name);
	if (buf_check(&path, "reading credentials", err) < 0)
		return -1;
	if (io_read_file(AT_FDCWD, path.data, FILE_MAX, &text, err) < 0)
		return err->kind == ERROR_NOT_FOUND
			       ? 0
			       : error_wrap(err, "reading credentials");
	if (text.len == 0)
		return 0;
	return add_document(c, text.data, text.len, path.data, err);
}

/* Where containers' tools keep what `podman login` was told. */
static int add_runtime_file(struct credentials *c, struct error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char own[64];

	if (runtime && *runtime)
		return add_file(c, runtime, "/containers/auth.json", err);
	snprintf(own, sizeof(own), "/run/containers/%u", (unsigned)getuid());
	/* Inside a user namespace this may be the directory of real root. */
	if (add_file(c, own, "/auth.json", err) < 0 && err->sys != EACCES)
		return -1;
	return 0;
}

static int add_home_files(struct credentials *c, struct error *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool docker_set = getenv("DOCKER_CONFIG") != NULL;

	if (add_runtime_file(c, err) < 0)
		return -1;
	if (config && *config) {
		if (add_file(c, config, "/containers/auth.json", err) < 0)
			return -1;
	} else if (add_file(c, home, "/.config/containers/auth.json", err) <
		   0) {
		return -1;
	}
	if (!docker_set && add_file(c, home, "/.docker/config.json", err) < 0)
		return -1;
	return add_file(c, home, "/.dockercfg", err);
}

static int load(struct credentials *c, struct error *err)
{
	const char *text = getenv("DOCKER_AUTH_CONFIG");
	const char *only = getenv("REGISTRY_AUTH_FILE");
	const char *docker = getenv("DOCKER_CONFIG");

	if (text && *text &&
	    add_document(c, text, strlen(text), "$DOCKER_AUTH_CONFIG", err) < 0)
		return -1;
	if (c->config_dir)
		return add_file(c, c->config_dir, "/config.json", err);
	if (only && *only)
		return add_file(c, only, "", err);
	if (add_file(c, docker, "/config.json", err) < 0 ||
	    add_file(c, docker, "/.dockerconfigjson", err) < 0)
		return -1;
	return add_home_files(c, err);
}

static int load_once(struct credentials *c, struct error *err)
{
	if (c->loaded)
		return 0;
	if (load(c, err) == 0) {
		c->loaded = true;
		return 0;
	}
	while (c->n_files)
		auth_file_free(c->files[--c->n_files]);
	return -1;
}

/* Ask a helper, or remember what it said. */
static int ask_helper(struct credentials *c, const char *helper,
		      const char *domain, struct credential *ret,
		      struct error *err)
{
	const char *server = auth_server_name(domain);
	AUTO(buf_release) struct buf key = BUF_INIT;
	struct credential *answer;

	buf_printf(&key, "%s\n%s", helper, server);
	if (buf_check(&key, "asking a credential helper", err) < 0)
		return -1;
	answer = map_get(c->answers, key.data, key.len);
	if (answer)
		return credential_copy(answer, ret, err);
	answer = calloc(1, sizeof(*answer));
	if (!answer)
		return error_nomem(err, "asking a credential helper");
	if (credential_helper_get(helper, server, c->options.helper_timeout_ms,
				  c->options.cancel, answer, err) < 0) {
		free(answer);
		return -1;
	}
	if (map_put(c->answers, key.data, key.len, answer) < 0) {
		free_answer(answer);
		return error_nomem(err, "asking a credential helper");
	}
	return credential_copy(answer, ret, err);
}

static int find_in_file(struct credentials *c, const struct auth_file *f,
			const char *domain, const char *path,
			struct credential *ret, struct error *err)
{
	const char *helpers[] = {
		auth_file_host_helper(f, domain),
		auth_file_store_helper(f),
	};

	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		if (!helpers[i] || !*helpers[i])
			continue;
		if (ask_helper(c, helpers[i], domain, ret, err) < 0)
			return -1;
		if (credential_is_set(ret))
			return 0;
	}
	return auth_file_find(f, domain, path, ret, err);
}

static int use_given(const char *given, struct credential *ret,
		     struct error *err)
{
	AUTO(credential_release) struct credential found = { 0 };
	const char *colon = strchr(given, ':');

	found.username = strndup(given, (size_t)(colon - given));
	found.password = strdup(colon + 1);
	if (!found.username || !found.password)
		return error_nomem(err, "reading credentials");
	*ret = found;
	found = (struct credential){ 0 };
	return 0;
}

static int find_locked(struct credentials *c, const char *domain,
		       const char *path, struct credential *ret,
		       struct error *err)
{
	if (load_once(c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n_files; i++) {
		if (find_in_file(c, c->files[i], domain, path, ret, err) < 0)
			return -1;
		if (credential_is_set(ret))
			return 0;
	}
	return 0;
}

int credentials_find(struct credentials *c, const char *domain,
		     const char *path, bool given, struct credential *ret,
		     struct error *err)
{
	struct credential found = { 0 };
	int failed;

	if (given && c->given)
		return use_given(c->given, ret, err);
	pthread_mutex_lock(&c->lock);
	failed = find_locked(c, domain, path, &found, err);
	pthread_mutex_unlock(&c->lock);
	if (failed)
		return error_wrap(err, "looking for credentials for %s",
				  domain);
	*ret = found;
	return 0;
}
