#include "registry/mirrors.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "store/base/toml.h"
#include "registry/url.h"
#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/base/json.h"

#define CONF_MAX ((size_t)1 << 20)

struct mirrors {
	json_t *registries;   /* array of [[registry]], later files first */
	pthread_mutex_t lock; /* for what follows */
	struct strv insecure;
};

void mirrors_free(struct mirrors *m)
{
	if (!m)
		return;
	json_decref(m->registries);
	pthread_mutex_destroy(&m->lock);
	strv_release(&m->insecure);
	free(m);
}

/* 1 with `*ret`, 0 when there is no such file. */
static int read_toml(const char *path, json_t **ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error problem = ERROR_INIT;

	if (io_read_file(AT_FDCWD, path, CONF_MAX, &text, &problem) < 0) {
		if (problem.kind == ERROR_NOT_FOUND)
			return 0;
		*err = problem;
		return -1;
	}
	*ret = toml_parse(text.data ? text.data : "", text.len, path, err);
	return *ret ? 1 : -1;
}

static bool is_true(const json_t *table, const char *key)
{
	return json_is_true(json_object_get(table, key));
}

/* The place of a [[registry]] or its mirror; a registry's may be its prefix. */
static const char *location_of(const json_t *table)
{
	const char *location = json_get_string(table, "location");

	return location ? location : json_get_string(table, "prefix");
}

static void note_insecure(struct mirrors *m, const json_t *table)
{
	const char *location = location_of(table);

	if (location && is_true(table, "insecure"))
		strv_append_len(&m->insecure, location, strcspn(location, "/"));
}

static int add_registry(struct mirrors *m, json_t *table, struct error *err)
{
	json_t *mirror;
	size_t i;

	note_insecure(m, table);
	json_array_foreach(json_object_get(table, "mirror"), i, mirror)
		note_insecure(m, mirror);
	if (json_array_insert(m->registries, 0, table) < 0)
		return error_nomem(err, "reading registries.conf");
	return strv_check(&m->insecure, "reading registries.conf", err);
}

static int add_conf(struct mirrors *m, const char *path, struct error *err)
{
	AUTO(json_decref) json_t *doc = NULL;
	int found = read_toml(path, &doc, err);
	json_t *table;
	size_t i;

	json_array_foreach(json_object_get(doc, "registry"), i, table)
	{
		if (add_registry(m, table, err) < 0)
			return -1;
	}
	return found;
}

static int add_folder(struct mirrors *m, const char *path, struct error *err)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort), rc = 0;

	for (int i = 0; i < n; i++) {
		AUTO(buf_release) struct buf file = BUF_INIT;
		size_t len = strlen(names[i]->d_name);

		buf_printf(&file, "%s/%s", path, names[i]->d_name);
		if (rc >= 0 && len > 5 &&
		    !strcmp(names[i]->d_name + len - 5, ".conf"))
			rc = buf_check(&file, "reading registries.conf.d",
				       err) < 0
				     ? -1
				     : add_conf(m, file.data, err);
		free(names[i]);
	}
	free(names);
	return rc < 0 ? -1 : 0;
}

/* "$XDG_CONFIG_HOME/REST" or "~/.config/REST". */
static char *user_path(const char *rest, struct error *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct buf path = BUF_INIT;

	if (config && *config)
		buf_printf(&path, "%s/%s", config, rest);
	else
		buf_printf(&path, "%s/.config/%s", home ? home : "", rest);
	return buf_steal_checked(&path, "reading registries.conf", err);
}

static int add_all(struct mirrors *m, struct error *err)
{
	const char *only = getenv("CONTAINERS_REGISTRIES_CONF");
	autofree char *own = NULL, *folder = NULL;
	int found;

	if (only && *only)
		return add_conf(m, only, err);
	own = user_path("containers/registries.conf", err);
	folder = user_path("containers/registries.conf.d", err);
	if (!own || !folder)
		return -1;
	found = add_conf(m, own, err);
	if (found == 0)
		found = add_conf(m, "/etc/containers/registries.conf", err);
	if (found < 0 ||
	    add_folder(m, "/etc/containers/registries.conf.d", err) < 0)
		return -1;
	return add_folder(m, folder, err);
}

int mirrors_load(struct mirrors **ret, struct error *err)
{
	AUTO(mirrors_free) struct mirrors *m = calloc(1, sizeof(*m));

	if (!m)
		return error_nomem(err, "reading registries.conf");
	pthread_mutex_init(&m->lock, NULL);
	m->registries = json_array();
	if (!m->registries)
		return error_nomem(err, "reading registries.conf");
	if (add_all(m, err) < 0)
		return -1;
	*ret = steal_pointer(&m);
	return 0;
}

bool mirrors_insecure(struct mirrors *m, const char *domain)
{
	bool found;

	pthread_mutex_lock(&m->lock);
	found = strv_find(&m->insecure, domain) >= 0;
	pthread_mutex_unlock(&m->lock);
	return found;
}

/* ---- registries.conf ---- */

/* How much of "domain/path" the prefix covers; 0: it does not fit. */
static size_t prefix_fit(const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	if (!strncmp(prefix, "*.", 2)) {
		size_t host = strcspn(name, "/");

		return host > len - 1 && !strncmp(name + host - (len - 1),
						  prefix + 1, len - 1)
			       ? host
			       : 0;
	}
	if (strncmp(prefix, name, len) != 0 ||
	    (name[len] && name[len] != '/' && len))
		return 0;
	return len;
}

static const json_t *find_registry(const struct mirrors *m, const char *name,
				   size_t *covered)
{
	const json_t *table, *best = NULL;
	size_t i;

	*covered = 0;
	json_array_foreach(m->registries, i, table)
	{
		const char *prefix = json_get_string(table, "prefix");
		size_t fit;

		if (!prefix)
			prefix = json_get_string(table, "location");
		fit = prefix ? prefix_fit(prefix, name) : 0;
		if (fit > *covered) {
			*covered = fit;
			best = table;
		}
	}
	return best;
}

static void add_place(struct strv *ret, const char *location, const char *rest)
{
	struct buf place = BUF_INIT;

	buf_printf(&place, "%s%s", location, rest);
	strv_take(ret, buf_steal(&place));
}

static bool serves(const json_t *registry, const json_t *mirror, bool by_digest)
{
	const char *what = json_get_string(mirror, "pull-from-mirror");

	if (is_true(registry, "mirror-by-digest-only") && !by_digest)
		return false;
	if (!what || !strcmp(what, "all"))
		return true;
	return !strcmp(what, by_digest ? "digest-only" : "tag-only");
}

static int find_in_conf(const json_t *registry, const char *name,
			size_t covered, bool by_digest, struct strv *ret,
			struct error *err)
{
	const char *location = json_get_string(registry, "location");
	const json_t *mirror;
	size_t i;

	if (is_true(registry, "blocked"))
		return error_set(err, ERROR_REFUSED,
				 "registries.conf blocks %s", name);
	json_array_foreach(json_object_get(registry, "mirror"), i, mirror)
	{
		const char *where = json_get_string(mirror, "location");

		if (where && serves(registry, mirror, by_digest))
			add_place(ret, where, name + covered);
	}
	if (location)
		add_place(ret, location, name + covered);
	else
		strv_append(ret, name);
	return 0;
}

/* ---- hosts.toml ---- */

static bool may_pull(const json_t *host, bool by_digest)
{
	const json_t *list = json_object_get(host, "capabilities"), *item;
	bool pull = !list, resolve = !list;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		pull |= text && !strcmp(text, "pull");
		resolve |= text && !strcmp(text, "resolve");
	}
	return pull && (by_digest || resolve);
}

/* "https://mirror:5000", where a name without a scheme means HTTPS. */
static int host_url(const char *text, struct url *ret)
{
	AUTO(buf_release) struct buf full = BUF_INIT;
	struct error ignored = ERROR_INIT;

	buf_printf(&full, "%s%s", strstr(text, "://") ? "" : "https://", text);
	if (full.failed || url_parse(full.data, ret, &ignored) < 0)
		return -1;
	/* Other roots than /v2/ are not for us. */
	return *ret->path && strcmp(ret->path, "/") != 0 ? -1 : 0;
}

static void add_host(struct mirrors *m, const char *text, const json_t *host,
		     const char *path, struct strv *ret)
{
	AUTO(url_release) struct url url = { 0 };
	struct buf place = BUF_INIT;

	if (host_url(text, &url) < 0)
		return;
	buf_printf(&place, "%s/%s", url.authority, path);
	strv_take(ret, buf_steal(&place));
	if (url.https && !is_true(host, "skip_verify"))
		return;
	pthread_mutex_lock(&m->lock);
	if (strv_find(&m->insecure, url.authority) < 0)
		strv_append(&m->insecure, url.authority);
	pthread_mutex_unlock(&m->lock);
}

static void add_hosts(struct mirrors *m, const json_t *doc, const char *path,
		      bool by_digest, struct strv *ret)
{
	const json_t *host;
	const char *text;

	json_object_foreach(json_object_get(doc, "host"), text, host)
	{
		if (may_pull(host, by_digest))
			add_host(m, text, host, path, ret);
	}
}

static int find_in_hosts(struct mirrors *m, const char *domain,
			 const char *path, bool by_digest, struct strv *ret,
			 struct error *err)
{
	autofree char *own = user_path("containerd/certs.d", err);
	const char *const folders[] = { own, "/etc/containerd/certs.d" };

	if (!own)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		AUTO(json_decref) json_t *doc = NULL;
		AUTO(buf_release) struct buf file = BUF_INIT;
		int found;

		buf_printf(&file, "%s/%s/hosts.toml", folders[i], domain);
		if (buf_check(&file, "reading hosts.toml", err) < 0)
			return -1;
		found = read_toml(file.data, &doc, err);
		if (found < 0)
			return -1;
		if (found) {
			add_hosts(m, doc, path, by_digest, ret);
			return 0;
		}
	}
	return 0;
}

int mirrors_find(struct mirrors *m, const char *domain, const char *path,
		 bool by_digest, struct strv *ret, struct error *err)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	const json_t *registry;
	size_t covered;

	buf_printf(&name, "%s/%s", domain, path);
	if (buf_check(&name, "looking for mirrors", err) < 0)
		return -1;
	registry = find_registry(m, name.data, &covered);
	if (registry) {
		if (find_in_conf(registry, name.data, covered, by_digest, ret,
				 err) < 0)
			return -1;
	} else {
		if (find_in_hosts(m, domain, path, by_digest, ret, err) < 0)
			return -1;
		strv_append(ret, name.data);
	}
	return strv_check(ret, "looking for mirrors", err);
}
