#include "registry/hosts_toml.h"

#include <string.h>

#include "registry/reference.h"
#include "registry/url.h"
#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/base/path.h"
#include "store/base/toml.h"

/* A hosts.toml that was found. */
struct hosts_toml {
	json_t *doc;
	char *folder;
	bool is_default;
};

static void hosts_toml_release(struct hosts_toml *f)
{
	json_decref(f->doc);
	free(f->folder);
}
DEFINE_RELEASE(struct hosts_toml, hosts_toml_release);

/* ---- finding it ---- */

/* 1 when it is there, 0, -1. */
static int read_in(const char *folder, struct hosts_toml *ret,
		   struct error *err)
{
	autofree char *path = path_join(folder, "hosts.toml");
	struct error problem = ERROR_INIT;
	int found;

	if (!path)
		return error_nomem(err, "reading hosts.toml");
	found = toml_read(path, &ret->doc, &problem);
	if (found < 0 && problem.sys == EACCES)
		return 0;
	if (found < 0)
		*err = problem;
	return found;
}

static int find_below(const char *root, const char *domain,
		      struct hosts_toml *ret, struct error *err)
{
	const char *colon = strrchr(domain, ':');
	int host = (int)(colon ? colon - domain : (ptrdiff_t)strlen(domain));
	struct buf folders[3] = { BUF_INIT };
	int found = 0;

	buf_printf(&folders[0], "%s/%.*s%s%s%s", root, host, domain,
		   colon ? "_" : "", colon ? colon + 1 : "", colon ? "_" : "");
	buf_printf(&folders[1], "%s/%s", root, domain);
	buf_printf(&folders[2], "%s/_default", root);
	for (size_t i = 0; i < ARRAY_LEN(folders) && !found; i++) {
		found = buf_check(&folders[i], "reading hosts.toml", err) < 0
				? -1
				: read_in(folders[i].data, ret, err);
		ret->is_default = i == 2;
		if (found > 0)
			ret->folder = buf_steal(&folders[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		buf_release(&folders[i]);
	return found;
}

static int find_file(const char *domain, struct hosts_toml *ret,
		     struct error *err)
{
	autofree char *own = path_user_config("containerd/certs.d");
	int found;

	if (!own)
		return error_nomem(err, "reading hosts.toml");
	found = find_below(own, domain, ret, err);
	return found ? found
		     : find_below("/etc/containerd/certs.d", domain, ret, err);
}

/* ---- mirrors ---- */

static bool may_pull(const json_t *host, bool by_digest)
{
	const json_t *list = json_object_get(host, "capabilities"), *item;
	bool pull = !list, resolve = !list;
	size_t i;

	json_array_foreach(list, i, item) {
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
	return full.failed ? -1 : url_parse(full.data, ret, &ignored);
}

/*
 * What comes before the names of its repositories: "" or, of a root like
 * "/v2/proxy", "proxy/". -1 when the root is no part of the API that we know.
 */
static int append_prefix(const struct url *url, const json_t *host,
			 struct buf *name)
{
	bool override = json_is_true(json_object_get(host, "override_path"));
	const char *root = url->path;
	size_t len = strlen(root);

	while (len && root[len - 1] == '/')
		len--;
	if ((!len && !override) || (len == 3 && !strncmp(root, "/v2", len)))
		return 0;
	if (!override || strncmp(root, "/v2/", 4) != 0 || strchr(root, '?'))
		return -1;
	buf_append(name, root + 4, len - 4);
	buf_append_char(name, '/');
	return 0;
}

static int add_mirror(const struct hosts_toml *f, const char *text,
		      const json_t *host, const char *domain, const char *path,
		      struct places *ret, struct error *err)
{
	AUTO(host_settings_release) struct host_settings s = { 0 };
	AUTO(url_release) struct url url = { 0 };
	AUTO(buf_release) struct buf name = BUF_INIT;

	if (host_url(text, &url) < 0)
		return 0;
	buf_printf(&name, "%s/", url.authority);
	if (append_prefix(&url, host, &name) < 0)
		return 0;
	buf_append_str(&name, path);
	if (buf_check(&name, "reading hosts.toml", err) < 0 ||
	    host_settings_read(host, f->folder, text, &s, err) < 0)
		return -1;
	s.insecure |= !url.https;
	if (strcmp(url.authority, domain) != 0 &&
	    strcmp(url.authority, reference_api_host(domain)) != 0) {
		s.ns = strdup(domain);
		if (!s.ns)
			return error_nomem(err, "reading hosts.toml");
	}
	return places_add(ret, name.data, &s, err);
}

int hosts_toml_mirrors(const char *domain, const char *path, bool by_digest,
		       struct places *ret, struct error *err)
{
	AUTO(hosts_toml_release) struct hosts_toml f = { 0 };
	json_t *host;
	const char *text;

	if (find_file(domain, &f, err) < 0)
		return -1;
	json_object_foreach(json_object_get(f.doc, "host"), text, host) {
		if (may_pull(host, by_digest) &&
		    add_mirror(&f, text, host, domain, path, ret, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the registry itself ---- */

/* Is `server` the registry? Then `*https` says how it is spoken to. */
static bool is_registry(const char *server, const char *domain, bool *https)
{
	AUTO(url_release) struct url url = { 0 };

	*https = true;
	if (!server)
		return true;
	if (host_url(server, &url) < 0)
		return false;
	*https = url.https;
	return !strcmp(url.authority, domain) ||
	       !strcmp(url.authority, reference_api_host(domain));
}

int hosts_toml_settings(const char *domain, struct host_settings *ret,
			struct error *err)
{
	AUTO(hosts_toml_release) struct hosts_toml f = { 0 };
	AUTO(host_settings_release) struct host_settings s = { 0 };
	bool https;

	if (find_file(domain, &f, err) < 0)
		return -1;
	if (!f.doc || f.is_default ||
	    !is_registry(json_get_string(f.doc, "server"), domain, &https))
		return 0;
	if (host_settings_read(f.doc, f.folder, domain, &s, err) < 0)
		return -1;
	s.insecure |= !https;
	*ret = s;
	s = (struct host_settings){ 0 };
	return 0;
}
