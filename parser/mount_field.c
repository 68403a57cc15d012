#include <string.h>
#include <strings.h>

#include "parser/mount_internal.h"
#include "parser/mount_value.h"
#include "parser/suggest.h"
#include "store/base/quote.h"

static const char *const type_names[] = {
	[MOUNT_BIND] = "bind",	 [MOUNT_CACHE] = "cache",
	[MOUNT_TMPFS] = "tmpfs", [MOUNT_SECRET] = "secret",
	[MOUNT_SSH] = "ssh",
};

static const char *const sharing_names[] = {
	[SHARING_SHARED] = "shared",
	[SHARING_PRIVATE] = "private",
	[SHARING_LOCKED] = "locked",
};

const char *mount_type_name(enum mount_type type)
{
	return type_names[type];
}

/* Number of `name` in a list of names, or -1. */
static int find_name(const char *name, const char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcasecmp(name, names[i]))
			return (int)i;
	return -1;
}

int mount_set_text(struct mount_reading *r, char **slot, const char *value)
{
	free(*slot);
	*slot = strdup(value);
	return *slot ? 0 : error_nomem(r->err, "reading a mount");
}

static int invalid_value(struct mount_reading *r, const char *key,
			 const char *value)
{
	struct quoted storage;

	return error_set(r->err, ERROR_DOCKERFILE, "invalid value for %s: %s",
			 key, quote(&storage, value));
}

static int set_type(struct mount_reading *r, const char *key, const char *value)
{
	int type = find_name(value, type_names, ARRAY_LEN(type_names));
	struct quoted quoted;
	struct hint near;

	(void)key;
	if (type < 0)
		return error_set(
			r->err, ERROR_DOCKERFILE, "unsupported mount type %s%s",
			quote(&quoted, value),
			hint(&near, suggest(value, type_names,
					    ARRAY_LEN(type_names), false)));
	r->spec.type = (enum mount_type)type;
	return 0;
}

static int set_target(struct mount_reading *r, const char *key,
		      const char *value)
{
	(void)key;
	return mount_set_text(r, &r->spec.target, value);
}

static int set_source(struct mount_reading *r, const char *key,
		      const char *value)
{
	(void)key;
	return mount_set_text(r, &r->spec.source, value);
}

static int set_from(struct mount_reading *r, const char *key, const char *value)
{
	(void)key;
	return mount_set_text(r, &r->spec.from, value);
}

static int set_id(struct mount_reading *r, const char *key, const char *value)
{
	(void)key;
	return mount_set_text(r, &r->spec.id, value);
}

static int set_env(struct mount_reading *r, const char *key, const char *value)
{
	(void)key;
	return mount_set_text(r, &r->spec.env, value);
}

static int set_readonly(struct mount_reading *r, const char *key,
			const char *value)
{
	r->readonly_given = true;
	return mount_value_bool(value, &r->spec.readonly)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_readwrite(struct mount_reading *r, const char *key,
			 const char *value)
{
	bool writable;

	if (!mount_value_bool(value, &writable))
		return invalid_value(r, key, value);
	r->readonly_given = true;
	r->spec.readonly = !writable;
	return 0;
}

static int set_required(struct mount_reading *r, const char *key,
			const char *value)
{
	return mount_value_bool(value, &r->spec.required)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_sharing(struct mount_reading *r, const char *key,
		       const char *value)
{
	int sharing = find_name(value, sharing_names, ARRAY_LEN(sharing_names));
	struct quoted quoted;
	struct hint near;

	(void)key;
	if (sharing < 0)
		return error_set(
			r->err, ERROR_DOCKERFILE,
			"unsupported sharing value %s%s", quote(&quoted, value),
			hint(&near, suggest(value, sharing_names,
					    ARRAY_LEN(sharing_names), false)));
	r->spec.sharing = (enum mount_sharing)sharing;
	return 0;
}

static int set_mode(struct mount_reading *r, const char *key, const char *value)
{
	return mount_value_number(value, 8, &r->spec.mode) &&
			       r->spec.mode <= 07777
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_uid(struct mount_reading *r, const char *key, const char *value)
{
	return mount_value_number(value, 10, &r->spec.uid)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_gid(struct mount_reading *r, const char *key, const char *value)
{
	return mount_value_number(value, 10, &r->spec.gid)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_size(struct mount_reading *r, const char *key, const char *value)
{
	return mount_value_size(value, &r->spec.size_bytes)
		       ? 0
		       : invalid_value(r, key, value);
}

#define TYPE(t) (1u << MOUNT_##t)

enum {
	TYPES_ALL = (1 << (MOUNT_SSH + 1)) - 1,
};

/*
 * Keys with the types that take them. Read-only is taken everywhere, as
 * Dockerfiles in the wild say it of secrets too.
 */
static const struct key {
	const char *name;
	int (*set)(struct mount_reading *r, const char *key, const char *value);
	unsigned types;
	bool bare;	       /* may stand without a value, meaning true */
	const char *main_name; /* of an alias */
} keys[] = {
	{ "type", set_type, TYPES_ALL, false, NULL },
	{ "target", set_target, TYPES_ALL, false, NULL },
	{ "dst", set_target, TYPES_ALL, false, "target" },
	{ "destination", set_target, TYPES_ALL, false, "target" },
	{ "source", set_source, TYPES_ALL, false, NULL },
	{ "src", set_source, TYPES_ALL, false, "source" },
	{ "from", set_from, TYPES_ALL, false, NULL },
	{ "readonly", set_readonly, TYPES_ALL, true, NULL },
	{ "ro", set_readonly, TYPES_ALL, true, "readonly" },
	{ "readwrite", set_readwrite, TYPES_ALL, true, NULL },
	{ "rw", set_readwrite, TYPES_ALL, true, "readwrite" },
	{ "id", set_id, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH), false, NULL },
	{ "sharing", set_sharing, TYPE(CACHE), false, NULL },
	{ "size", set_size, TYPE(TMPFS), false, NULL },
	{ "mode", set_mode, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH), false,
	  NULL },
	{ "uid", set_uid, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH), false, NULL },
	{ "gid", set_gid, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH), false, NULL },
	{ "required", set_required, TYPE(SECRET) | TYPE(SSH), true, NULL },
	{ "env", set_env, TYPE(SECRET), false, NULL },
};

static int find_key(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcasecmp(name, keys[i].name))
			return (int)i;
	return -1;
}

static int refuse_key(struct mount_reading *r, const char *name,
		      const char *field)
{
	const char *known[ARRAY_LEN(keys)];
	struct hint near;
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		known[i] = keys[i].name;
	return error_set(
		r->err, ERROR_DOCKERFILE, "unexpected key '%s' in '%s'%s", name,
		field,
		hint(&near, suggest(name, known, ARRAY_LEN(known), true)));
}

/* Does the value depend on what is only known at build time? */
static bool is_deferred(const struct mount_reading *r, const char *value)
{
	return !r->env && strchr(value, '$');
}

static int expand_value(struct mount_reading *r, const char *value, char **ret)
{
	if (!r->env) {
		*ret = strdup(value);
		return *ret ? 0 : error_nomem(r->err, "reading a mount");
	}
	*ret = expand_word(value, r->escape, r->env, r->err);
	return *ret ? 0 : -1;
}

static int refuse_variable(struct mount_reading *r, const char *value)
{
	const char *dollar = strchr(value, '$');

	if (!dollar || !dollar[1])
		return 0;
	return error_set(r->err, ERROR_DOCKERFILE,
			 "'from' doesn't support variable expansion, define "
			 "alias stage instead");
}

static int set_key(struct mount_reading *r, int index, const char *value)
{
	const struct key *key = &keys[index];
	autofree char *expanded = NULL;

	r->given |= 1u << index;
	if (key->set == set_from && refuse_variable(r, value) < 0)
		return -1;
	if (key->set == set_from)
		return *value ? set_from(r, "", value) : 0;
	if (is_deferred(r, value)) {
		r->type_deferred |= key->set == set_type;
		/* For messages about other fields. */
		return key->set == set_target ? set_target(r, "", value) : 0;
	}
	if (expand_value(r, value, &expanded) < 0)
		return -1;
	/* An empty text is as good as none. */
	if (!*expanded && (key->set == set_target || key->set == set_source ||
			   key->set == set_id || key->set == set_env)) {
		r->given &= ~(1u << index);
		return 0;
	}
	return key->set(r, key->name, expanded);
}

int mount_field_read(struct mount_reading *r, const char *field)
{
	const char *eq = strchr(field, '=');
	autofree char *name = NULL;
	int index;

	name = strndup(field, eq ? (size_t)(eq - field) : strlen(field));
	if (!name)
		return error_nomem(r->err, "reading a mount");
	index = find_key(name);
	if (eq && index < 0)
		return refuse_key(r, name, field);
	if (!eq && (index < 0 || !keys[index].bare))
		return error_set(r->err, ERROR_DOCKERFILE,
				 "invalid field '%s' must be a key=value pair",
				 field);
	return set_key(r, index, eq ? eq + 1 : "true");
}

bool mount_field_given(const struct mount_reading *r, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (r->given & 1u << i &&
		    (!strcmp(keys[i].name, name) ||
		     (keys[i].main_name && !strcmp(keys[i].main_name, name))))
			return true;
	return false;
}

int mount_fields_judge(struct mount_reading *r)
{
	const char *type = type_names[r->spec.type];
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (r->given & 1u << i && !(keys[i].types & 1u << r->spec.type))
			return error_set(
				r->err, ERROR_DOCKERFILE,
				"%s not allowed for \"%s\" type mounts",
				keys[i].name, type);
	return 0;
}
