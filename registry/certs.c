#include "registry/certs.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/path.h"

#define PEM_MAX ((size_t)4 << 20)

void http_tls_release(struct http_tls *tls)
{
	free(tls->ca_pem);
	free(tls->client_cert);
	free(tls->client_key);
	*tls = (struct http_tls){ 0 };
}

/* What is being gathered for a host. */
struct certs {
	struct buf pem;
	struct http_tls *tls;
};

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && !strcmp(name + len - n, suffix);
}

static int add_ca(struct certs *c, const char *path, struct error *err)
{
	if (io_read_file(AT_FDCWD, path, PEM_MAX, &c->pem, err) < 0)
		return error_wrap(err, "reading CA certificates");
	buf_append_char(&c->pem, '\n');
	return buf_check(&c->pem, "reading CA certificates", err);
}

/* The first certificate found is used. */
static int add_client(struct certs *c, const char *cert, const char *key,
		      struct error *err)
{
	if (c->tls->client_cert)
		return 0;
	c->tls->client_cert = strdup(cert);
	c->tls->client_key = strdup(key);
	if (!c->tls->client_key || !c->tls->client_cert)
		return error_nomem(err, "reading client certificates");
	if (access(cert, R_OK) == 0 && access(key, R_OK) == 0)
		return 0;
	error_sys(err, errno,
		  "cannot read '%s' and '%s', a client certificate "
		  "and its key",
		  cert, key);
	err->kind = ERROR_USAGE;
	return -1;
}

/* "NAME.cert" needs "NAME.key" beside it. */
static int add_pair(struct certs *c, const char *cert, struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;

	buf_append(&key, cert, strlen(cert) - strlen("cert"));
	buf_append_str(&key, "key");
	return buf_check(&key, "reading client certificates", err) < 0
		       ? -1
		       : add_client(c, cert, key.data, err);
}

static int add_entry(struct certs *c, const char *dir, const char *name,
		     struct error *err)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/%s", dir, name);
	if (buf_check(&path, "reading certificates", err) < 0)
		return -1;
	if (has_suffix(name, ".crt"))
		return add_ca(c, path.data, err);
	return has_suffix(name, ".cert") ? add_pair(c, path.data, err) : 0;
}

static int add_dir(struct certs *c, const char *root, const char *authority,
		   struct error *err)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct dirent *entry;
	autodir DIR *dir = NULL;

	buf_printf(&path, "%s/%s", root, authority);
	if (buf_check(&path, "reading certificates", err) < 0)
		return -1;
	dir = opendir(path.data);
	while (dir && (entry = readdir(dir)))
		if (add_entry(c, path.data, entry->d_name, err) < 0)
			return -1;
	return 0;
}

static int add_settings(struct certs *c, const struct host_settings *s,
			struct error *err)
{
	for (size_t i = 0; i < s->ca.len; i++)
		if (add_ca(c, s->ca.items[i], err) < 0)
			return -1;
	return s->client_cert
		       ? add_client(c, s->client_cert, s->client_key, err)
		       : 0;
}

static int add_all(struct certs *c, const char *authority, const char *ca_file,
		   const struct host_settings *s, struct error *err)
{
	autofree char *own = path_user_config("containers/certs.d");

	if (!own)
		return error_nomem(err, "reading certificates");
	if (ca_file && add_ca(c, ca_file, err) < 0)
		return -1;
	if (add_settings(c, s, err) < 0 ||
	    add_dir(c, "/etc/docker/certs.d", authority, err) < 0 ||
	    add_dir(c, "/etc/containers/certs.d", authority, err) < 0)
		return -1;
	return add_dir(c, own, authority, err);
}

int certs_load(const char *authority, const char *ca_file,
	       const struct host_settings *settings, struct http_tls *tls,
	       struct error *err)
{
	struct certs c = { .tls = tls };
	int failed = add_all(&c, authority, ca_file, settings, err);

	if (!failed && c.pem.len) {
		tls->ca_pem =
			buf_steal_checked(&c.pem, "reading certificates", err);
		failed = tls->ca_pem ? 0 : -1;
	}
	buf_release(&c.pem);
	if (failed)
		http_tls_release(tls);
	return failed;
}
