#include "builder/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/io.h"

/* The value of `key` in "a=b,c=d"; NULL without an error: not there. */
static char *spec_value(const char *spec, const char *key)
{
	size_t key_len = strlen(key);

	for (const char *p = spec; *p;) {
		size_t len = strcspn(p, ",");

		if (len > key_len && p[key_len] == '=' &&
		    strncmp(p, key, key_len) == 0)
			return strndup(p + key_len + 1, len - key_len - 1);
		p += len + (p[len] == ',');
	}
	return NULL;
}

static int read_secret_file(const char *path, struct buf *ret,
			    struct error *err)
{
	return io_read_file(AT_FDCWD, path, SECRET_MAX, ret, err);
}

static int read_secret(const char *spec, const char *id, struct buf *ret,
		       struct error *err)
{
	autofree char *file = spec_value(spec, "src");
	autofree char *variable = spec_value(spec, "env");
	const char *value;

	if (!file)
		file = spec_value(spec, "source");
	if (file)
		return read_secret_file(file, ret, err);
	value = getenv(variable ? variable : id);
	if (!value && !variable)
		return read_secret_file(id, ret, err);
	if (!value)
		return error_set(err, ERROR_NOT_FOUND, "%s is not set",
				 variable);
	if (strlen(value) > SECRET_MAX)
		return error_set(err, ERROR_REFUSED, "larger than %zu bytes",
				 SECRET_MAX);
	buf_append_str(ret, value);
	return buf_check(ret, "a secret", err);
}

int secret_find(const struct strv *specs, const char *id, struct buf *ret,
		struct error *err)
{
	for (size_t i = 0; specs && i < specs->len; i++) {
		const char *spec = specs->items[i];
		autofree char *name = spec_value(spec, "id");

		if (!name || strcmp(name, id) != 0)
			continue;
		if (read_secret(spec, id, ret, err) < 0)
			return error_wrap(err, "secret %s", id);
		return 1;
	}
	return 0;
}
