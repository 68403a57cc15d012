#include "builder/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/csv.h"
#include "store/base/io.h"

/* One --secret; strings lie in `fields`. */
struct spec {
	struct strv fields;
	const char *id, *type, *file, *variable;
};

static void spec_release(struct spec *s)
{
	strv_release(&s->fields);
}
DEFINE_RELEASE(struct spec, spec_release);

static int set_field(struct spec *s, const char *field, struct error *err)
{
	const struct {
		const char *key;
		const char **value;
	} table[] = {
		{ "id", &s->id },	 { "type", &s->type },
		{ "src", &s->file },	 { "source", &s->file },
		{ "env", &s->variable },
	};
	size_t len = strcspn(field, "=");

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (field[len] && strlen(table[i].key) == len &&
		    !strncmp(table[i].key, field, len)) {
			*table[i].value = field + len + 1;
			return 0;
		}
	return error_set(err, ERROR_USAGE,
			 "\"%s\" is none of id=, src=, env= and type=", field);
}

/* With type=env, what src= names is a variable, too. */
static int apply_type(struct spec *s, struct error *err)
{
	if (!s->type || !strcmp(s->type, "file"))
		return 0;
	if (strcmp(s->type, "env") != 0)
		return error_set(err, ERROR_USAGE,
				 "type=%s is neither file nor env", s->type);
	if (!s->variable)
		s->variable = s->file ? s->file : s->id;
	s->file = NULL;
	return 0;
}

static int parse(const char *text, struct spec *ret, struct error *err)
{
	if (csv_split(text, ERROR_USAGE, &ret->fields, err) < 0)
		return -1;
	for (size_t i = 0; i < ret->fields.len; i++)
		if (set_field(ret, ret->fields.items[i], err) < 0)
			return -1;
	if (!ret->id || !*ret->id)
		return error_set(err, ERROR_USAGE, "id= is missing");
	return apply_type(ret, err);
}

int secret_check(const struct strv *specs, struct error *err)
{
	for (size_t i = 0; i < specs->len; i++) {
		AUTO(spec_release) struct spec spec = { 0 };

		if (parse(specs->items[i], &spec, err) < 0)
			return error_wrap(err, "--secret %s", specs->items[i]);
	}
	return 0;
}

static int read_secret_file(const char *path, struct buf *ret,
			    struct error *err)
{
	return io_read_file(AT_FDCWD, path, SECRET_MAX, ret, err);
}

static int read_secret(const struct spec *spec, struct buf *ret,
		       struct error *err)
{
	bool is_file = spec->type && !strcmp(spec->type, "file");
	const char *value;

	if (spec->file)
		return read_secret_file(spec->file, ret, err);
	value = is_file ? NULL
			: getenv(spec->variable ? spec->variable : spec->id);
	if (!value && !spec->variable)
		return read_secret_file(spec->id, ret, err);
	if (!value)
		return error_set(err, ERROR_NOT_FOUND, "%s is not set",
				 spec->variable);
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
		AUTO(spec_release) struct spec spec = { 0 };

		if (parse(specs->items[i], &spec, err) < 0)
			return error_wrap(err, "--secret %s", specs->items[i]);
		if (strcmp(spec.id, id) != 0)
			continue;
		if (read_secret(&spec, ret, err) < 0)
			return error_wrap(err, "secret %s", id);
		return 1;
	}
	return 0;
}
