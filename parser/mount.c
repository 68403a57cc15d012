#include "parser/mount.h"

#include <string.h>
#include <strings.h>

#include "parser/mount_value.h"
#include "parser/quote.h"
#include "parser/suggest.h"
#include "store/base/csv.h"
#include "store/base/path.h"

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

const char *mount_spec_cache_id(const struct mount_spec *m)
{
	return m->id ? m->id : m->target;
}

const char *mount_type_name(enum mount_type type)
{
	return type_names[type];
}

/* The mount while its fields are read; what is given decides at the end. */
struct reading {
	struct mount_spec spec;
	char escape;
	const struct expand_env *env; /* NULL: a check ahead of time */
	bool type_deferred;
	bool readonly_given;
	unsigned given; /* bit per index of `keys` */
	struct error *err;
};

static void reading_release(struct reading *r)
{
	mount_spec_release(&r->spec);
}
DEFINE_RELEASE(struct reading, reading_release);

void mount_spec_release(struct mount_spec *m)
{
	free(m->target);
	free(m->source);
	free(m->from);
	free(m->id);
	free(m->env);
	*m = (struct mount_spec){ 0 };
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

static int set_text(struct reading *r, char **slot, const char *value)
{
	free(*slot);
	*slot = strdup(value);
	return *slot ? 0 : error_nomem(r->err, "reading a mount");
}

static int invalid_value(struct reading *r, const char *key, const char *value)
{
	struct quoted storage;

	return error_set(r->err, ERROR_DOCKERFILE, "invalid value for %s: %s",
			 key, quote(&storage, value));
}

static int set_type(struct reading *r, const char *key, const char *value)
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

static int set_target(struct reading *r, const char *key, const char *value)
{
	(void)key;
	return set_text(r, &r->spec.target, value);
}

static int set_source(struct reading *r, const char *key, const char *value)
{
	(void)key;
	return set_text(r, &r->spec.source, value);
}

static int set_from(struct reading *r, const char *key, const char *value)
{
	(void)key;
	return set_text(r, &r->spec.from, value);
}

static int set_id(struct reading *r, const char *key, const char *value)
{
	(void)key;
	return set_text(r, &r->spec.id, value);
}

static int set_env(struct reading *r, const char *key, const char *value)
{
	(void)key;
	return set_text(r, &r->spec.env, value);
}

static int set_readonly(struct reading *r, const char *key, const char *value)
{
	r->readonly_given = true;
	return mount_value_bool(value, &r->spec.readonly)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_readwrite(struct reading *r, const char *key, const char *value)
{
	bool writable;

	if (!mount_value_bool(value, &writable))
		return invalid_value(r, key, value);
	r->readonly_given = true;
	r->spec.readonly = !writable;
	return 0;
}

static int set_required(struct reading *r, const char *key, const char *value)
{
	return mount_value_bool(value, &r->spec.required)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_sharing(struct reading *r, const char *key, const char *value)
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

static int set_mode(struct reading *r, const char *key, const char *value)
{
	return mount_value_number(value, 8, &r->spec.mode) &&
			       r->spec.mode <= 07777
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_uid(struct reading *r, const char *key, const char *value)
{
	return mount_value_number(value, 10, &r->spec.uid)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_gid(struct reading *r, const char *key, const char *value)
{
	return mount_value_number(value, 10, &r->spec.gid)
		       ? 0
		       : invalid_value(r, key, value);
}

static int set_size(struct reading *r, const char *key, const char *value)
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
	int (*set)(struct reading *r, const char *key, const char *value);
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

static int refuse_key(struct reading *r, const char *name, const char *field)
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
static bool is_deferred(const struct reading *r, const char *value)
{
	return !r->env && strchr(value, '$');
}

static int expand_value(struct reading *r, const char *value, char **ret)
{
	if (!r->env) {
		*ret = strdup(value);
		return *ret ? 0 : error_nomem(r->err, "reading a mount");
	}
	*ret = expand_word(value, r->escape, r->env, r->err);
	return *ret ? 0 : -1;
}

static int refuse_variable(struct reading *r, const char *value)
{
	const char *dollar = strchr(value, '$');

	if (!dollar || !dollar[1])
		return 0;
	return error_set(r->err, ERROR_DOCKERFILE,
			 "'from' doesn't support variable expansion, define "
			 "alias stage instead");
}

static int set_key(struct reading *r, int index, const char *value)
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

static int read_field(struct reading *r, const char *field)
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

/* The first key that was given and that the type does not take. */
static int judge_keys(struct reading *r)
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

static int refuse(struct reading *r, const char *text)
{
	return error_set(r->err, ERROR_DOCKERFILE, "%s", text);
}

static bool is_given(const struct reading *r, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (r->given & 1u << i &&
		    (!strcmp(keys[i].name, name) ||
		     (keys[i].main_name && !strcmp(keys[i].main_name, name))))
			return true;
	return false;
}

static int judge_secret(struct reading *r)
{
	if (r->spec.from)
		return refuse(r, "secret mount should not have a from");
	if (!is_given(r, "source") && !is_given(r, "target") &&
	    !is_given(r, "id"))
		return refuse(r, "invalid secret mount. one of source, target "
				 "required");
	if (is_given(r, "source") && is_given(r, "id"))
		return refuse(r, "both source and id can't be set");
	return 0;
}

static int judge_target(struct reading *r)
{
	autofree char *clean = NULL;
	struct quoted storage;

	if (!is_given(r, "target"))
		return error_set(r->err, ERROR_DOCKERFILE,
				 "target is required for \"%s\" type mounts",
				 type_names[r->spec.type]);
	clean = path_clean(r->spec.target);
	if (!clean)
		return error_nomem(r->err, "reading a mount");
	if (!strcmp(clean, "/"))
		return error_set(r->err, ERROR_DOCKERFILE,
				 "invalid mount target %s",
				 quote(&storage, r->spec.target));
	return 0;
}

/* What the fields say together. */
static int judge(struct reading *r)
{
	enum mount_type type = r->spec.type;

	if (r->type_deferred)
		return 0;
	if (judge_keys(r) < 0)
		return -1;
	if (type == MOUNT_SECRET)
		return judge_secret(r);
	if (type == MOUNT_SSH && is_given(r, "source"))
		return refuse(r, "ssh does not support source");
	if (type == MOUNT_SSH && r->spec.from)
		return refuse(r, "ssh mount should not have a from");
	if (type == MOUNT_TMPFS && (r->spec.from || is_given(r, "source")))
		return refuse(r, "tmpfs mount should not have a source");
	return type == MOUNT_SSH ? 0 : judge_target(r);
}

/* A secret's id and target follow from each other. */
static int fill_secret(struct reading *r)
{
	struct mount_spec *m = &r->spec;

	if (!m->id)
		m->id = steal_pointer(&m->source);
	if (!m->id && m->target && set_text(r, &m->id, path_base(m->target)))
		return -1;
	if (m->target || m->env || !m->id)
		return 0;
	if (asprintf(&m->target, "/run/secrets/%s", path_base(m->id)) < 0) {
		m->target = NULL;
		return error_nomem(r->err, "reading a mount");
	}
	return 0;
}

static int fill_defaults(struct reading *r)
{
	static const uint32_t modes[] = {
		[MOUNT_CACHE] = 0755,
		[MOUNT_SECRET] = 0400,
		[MOUNT_SSH] = 0600,
	};
	struct mount_spec *m = &r->spec;

	if (!is_given(r, "mode"))
		m->mode = m->type == MOUNT_BIND || m->type == MOUNT_TMPFS
				  ? 0
				  : modes[m->type];
	if (!r->readonly_given)
		m->readonly = m->type == MOUNT_BIND || m->type == MOUNT_SECRET;
	if (m->type == MOUNT_SSH && !m->id)
		return set_text(r, &m->id, "default");
	return m->type == MOUNT_SECRET ? fill_secret(r) : 0;
}

int mount_spec_parse(const char *value, char escape,
		     const struct expand_env *env, struct mount_spec *ret,
		     struct error *err)
{
	AUTO(reading_release)
	struct reading r = { .escape = escape, .env = env, .err = err };
	AUTO(strv_release) struct strv fields = STRV_INIT;
	size_t i;

	if (csv_split(value, ERROR_DOCKERFILE, &fields, err) < 0)
		return error_wrap(err, "failed to parse csv mounts");
	for (i = 0; i < fields.len; i++)
		if (read_field(&r, fields.items[i]) < 0)
			return -1;
	if (judge(&r) < 0 || fill_defaults(&r) < 0)
		return -1;
	*ret = r.spec;
	r.spec = (struct mount_spec){ 0 };
	return 0;
}
