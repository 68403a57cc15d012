#include "registry/mirrors.h"

#include <dirent.h>
#include <string.h>

#include "registry/hosts_toml.h"
#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/base/path.h"
#include "store/base/toml.h"

struct mirrors {
	json_t *registries; /* array of [[registry]], later files first */
	struct strv insecure;
};

void mirrors_free(struct mirrors *m)
{
	if (!m)
		return;
	json_decref(m->registries);
	strv_release(&m->insecure);
	free(m);
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
	int found = toml_read(path, &doc, err);
	json_t *table;
	size_t i;

	json_array_foreach(json_object_get(doc, "registry"), i, table) {
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

static int add_all(struct mirrors *m, struct error *err)
{
	const char *only = getenv("CONTAINERS_REGISTRIES_CONF");
	autofree char *own = NULL, *folder = NULL;
	int found;

	if (only && *only)
		return add_conf(m, only, err);
	own = path_user_config("containers/registries.conf");
	folder = path_user_config("containers/registries.conf.d");
	if (!own || !folder)
		return error_nomem(err, "reading registries.conf");
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
	m->registries = json_array();
	if (!m->registries)
		return error_nomem(err, "reading registries.conf");
	if (add_all(m, err) < 0)
		return -1;
	*ret = steal_pointer(&m);
	return 0;
}

bool mirrors_insecure(const struct mirrors *m, const char *domain)
{
	return strv_find(&m->insecure, domain) >= 0;
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
	json_array_foreach(m->registries, i, table) {
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

static int add_place(struct places *ret, const char *location, const char *rest,
		     struct error *err)
{
	AUTO(buf_release) struct buf name = BUF_INIT;

	buf_printf(&name, "%s%s", location, rest);
	return buf_check(&name, "looking for mirrors", err) < 0
		       ? -1
		       : places_add(ret, name.data, NULL, err);
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
			size_t covered, bool by_digest, struct places *ret,
			struct error *err)
{
	const char *location = json_get_string(registry, "location");
	const json_t *mirror;
	size_t i;

	if (is_true(registry, "blocked"))
		return error_set(err, ERROR_REFUSED,
				 "registries.conf blocks %s", name);
	json_array_foreach(json_object_get(registry, "mirror"), i, mirror) {
		const char *where = json_get_string(mirror, "location");

		if (where && serves(registry, mirror, by_digest) &&
		    add_place(ret, where, name + covered, err) < 0)
			return -1;
	}
	return location ? add_place(ret, location, name + covered, err)
			: places_add(ret, name, NULL, err);
}

int mirrors_find(const struct mirrors *m, const char *domain, const char *path,
		 bool by_digest, struct places *ret, struct error *err)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	const json_t *registry;
	size_t covered;

	buf_printf(&name, "%s/%s", domain, path);
	if (buf_check(&name, "looking for mirrors", err) < 0)
		return -1;
	registry = find_registry(m, name.data, &covered);
	if (registry)
		return find_in_conf(registry, name.data, covered, by_digest,
				    ret, err);
	return hosts_toml_mirrors(domain, path, by_digest, ret, err) < 0
		       ? -1
		       : places_add(ret, name.data, NULL, err);
}
