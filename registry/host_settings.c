#include "registry/host_settings.h"

#include <string.h>

#include "store/base/buf.h"
#include "store/base/duration.h"
#include "store/base/path.h"

#define LONGEST_CONNECT_MS (3600 * 1000)

void host_settings_release(struct host_settings *s)
{
	strv_release(&s->ca);
	strv_release(&s->headers);
	free(s->client_cert);
	free(s->client_key);
	free(s->ns);
	*s = (struct host_settings){ 0 };
}

struct table {
	const json_t *json;
	const char *folder;
	const char *host; /* for messages */
};

static int wrong(const struct table *t, const char *key, const char *wanted,
		 struct error *err)
{
	return error_set(err, ERROR_USAGE,
			 "'%s/hosts.toml': '%s' of %s has to be %s", t->folder,
			 key, t->host, wanted);
}

/* One string or a list of them; -1: neither. */
static int take_strings(const json_t *value, struct strv *ret)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value)) {
		strv_append(ret, json_string_value(value));
		return 0;
	}
	json_array_foreach(value, i, item) {
		if (!json_is_string(item))
			return -1;
		strv_append(ret, json_string_value(item));
	}
	return json_is_array(value) ? 0 : -1;
}

static int read_ca(const struct table *t, struct host_settings *s,
		   struct error *err)
{
	AUTO(strv_release) struct strv files = STRV_INIT;
	const json_t *ca = json_object_get(t->json, "ca");

	if (ca && take_strings(ca, &files) < 0)
		return wrong(t, "ca", "a file or a list of files", err);
	for (size_t i = 0; i < files.len; i++)
		strv_take(&s->ca, path_join(t->folder, files.items[i]));
	s->ca.failed |= files.failed;
	return strv_check(&s->ca, "reading hosts.toml", err);
}

/* "both.pem", or ["cert", "key"], where a key of "" is in the first, too. */
static int take_client(const struct table *t, const json_t *item,
		       struct host_settings *s, struct error *err)
{
	const char *cert = json_string_value(item), *key = "";

	if (json_is_array(item) && json_array_size(item) == 2) {
		cert = json_string_value(json_array_get(item, 0));
		key = json_string_value(json_array_get(item, 1));
	}
	if (!cert || !key)
		return wrong(t, "client",
			     "a file, or a list of files or of pairs of files",
			     err);
	if (s->client_cert)
		return 0;
	s->client_cert = path_join(t->folder, cert);
	s->client_key = path_join(t->folder, *key ? key : cert);
	return s->client_cert && s->client_key
		       ? 0
		       : error_nomem(err, "reading hosts.toml");
}

static int read_client(const struct table *t, struct host_settings *s,
		       struct error *err)
{
	const json_t *client = json_object_get(t->json, "client"), *item;
	size_t i;

	if (!client)
		return 0;
	if (!json_is_array(client))
		return take_client(t, client, s, err);
	json_array_foreach(client, i, item) {
		if (take_client(t, item, s, err) < 0)
			return -1;
	}
	return 0;
}

/* A field must not end its line, or the head (RFC 9110, section 5). */
static bool is_field(const char *name, const char *value)
{
	static const char special[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (!*name || name[strspn(name, special)])
		return false;
	for (; *value; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') ||
		    *value == 0x7f)
			return false;
	return true;
}

static int take_header(const struct table *t, const char *name,
		       const json_t *value, struct host_settings *s,
		       struct error *err)
{
	AUTO(strv_release) struct strv values = STRV_INIT;
	int failed = take_strings(value, &values);

	for (size_t i = 0; i < values.len && !failed; i++) {
		struct buf line = BUF_INIT;

		failed = is_field(name, values.items[i]) ? 0 : -1;
		buf_printf(&line, "%s: %s", name, values.items[i]);
		strv_take(&s->headers, buf_steal(&line));
	}
	if (failed)
		return wrong(t, "header",
			     "a table of names and texts, or lists of texts",
			     err);
	return strv_check(values.failed ? &values : &s->headers,
			  "reading hosts.toml", err);
}

static int read_headers(const struct table *t, struct host_settings *s,
			struct error *err)
{
	json_t *header = json_object_get(t->json, "header"), *value;
	const char *name;

	if (header && !json_is_object(header))
		return wrong(t, "header", "a table", err);
	json_object_foreach(header, name, value) {
		if (take_header(t, name, value, s, err) < 0)
			return -1;
	}
	return 0;
}

static int read_timeout(const struct table *t, struct host_settings *s,
			struct error *err)
{
	const json_t *value = json_object_get(t->json, "dial_timeout");
	const char *text = json_string_value(value);
	int64_t ns;

	if (!value)
		return 0;
	if (!text || duration_parse(text, &ns, err) < 0 || ns < NS_PER_MS ||
	    ns > LONGEST_CONNECT_MS * NS_PER_MS)
		return wrong(t, "dial_timeout",
			     "a duration from \"1ms\" to \"1h\"", err);
	s->connect_ms = ns / NS_PER_MS;
	return 0;
}

int host_settings_read(const json_t *json, const char *folder, const char *host,
		       struct host_settings *ret, struct error *err)
{
	AUTO(host_settings_release) struct host_settings s = { 0 };
	const struct table t = { json, folder, host };

	s.insecure = json_is_true(json_object_get(json, "skip_verify"));
	if (read_ca(&t, &s, err) < 0 || read_client(&t, &s, err) < 0 ||
	    read_headers(&t, &s, err) < 0 || read_timeout(&t, &s, err) < 0)
		return -1;
	*ret = s;
	s = (struct host_settings){ 0 };
	return 0;
}
