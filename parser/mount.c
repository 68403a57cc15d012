#include "parser/mount.h"

#include <string.h>

#include "parser/mount_internal.h"
#include "store/base/csv.h"
#include "store/base/path.h"
#include "store/base/quote.h"

const char *mount_spec_cache_id(const struct mount_spec *m)
{
	return m->id ? m->id : m->target;
}

static void reading_release(struct mount_reading *r)
{
	mount_spec_release(&r->spec);
}
DEFINE_RELEASE(struct mount_reading, reading_release);

void mount_spec_release(struct mount_spec *m)
{
	free(m->target);
	free(m->source);
	free(m->from);
	free(m->id);
	free(m->env);
	*m = (struct mount_spec){ 0 };
}

static int refuse(struct mount_reading *r, const char *text)
{
	return error_set(r->err, ERROR_DOCKERFILE, "%s", text);
}

static int judge_secret(struct mount_reading *r)
{
	if (r->spec.from)
		return refuse(r, "secret mount should not have a from");
	if (!mount_field_given(r, "source") &&
	    !mount_field_given(r, "target") && !mount_field_given(r, "id"))
		return refuse(r, "invalid secret mount. one of source, target "
				 "required");
	if (mount_field_given(r, "source") && mount_field_given(r, "id"))
		return refuse(r, "both source and id can't be set");
	return 0;
}

static int judge_target(struct mount_reading *r)
{
	autofree char *clean = NULL;
	struct quoted storage;

	if (!mount_field_given(r, "target"))
		return error_set(r->err, ERROR_DOCKERFILE,
				 "target is required for \"%s\" type mounts",
				 mount_type_name(r->spec.type));
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
static int judge(struct mount_reading *r)
{
	enum mount_type type = r->spec.type;

	if (r->type_deferred)
		return 0;
	if (mount_fields_judge(r) < 0)
		return -1;
	if (type == MOUNT_SECRET)
		return judge_secret(r);
	if (type == MOUNT_SSH && mount_field_given(r, "source"))
		return refuse(r, "ssh does not support source");
	if (type == MOUNT_SSH && r->spec.from)
		return refuse(r, "ssh mount should not have a from");
	if (type == MOUNT_TMPFS &&
	    (r->spec.from || mount_field_given(r, "source")))
		return refuse(r, "tmpfs mount should not have a source");
	return type == MOUNT_SSH ? 0 : judge_target(r);
}

/* A secret's id and target follow from each other. */
static int fill_secret(struct mount_reading *r)
{
	struct mount_spec *m = &r->spec;

	if (!m->id)
		m->id = steal_pointer(&m->source);
	if (!m->id && m->target &&
	    mount_set_text(r, &m->id, path_base(m->target)))
		return -1;
	if (m->target || m->env || !m->id)
		return 0;
	if (asprintf(&m->target, "/run/secrets/%s", path_base(m->id)) < 0) {
		m->target = NULL;
		return error_nomem(r->err, "reading a mount");
	}
	return 0;
}

static int fill_defaults(struct mount_reading *r)
{
	static const uint32_t modes[] = {
		[MOUNT_CACHE] = 0755,
		[MOUNT_SECRET] = 0400,
		[MOUNT_SSH] = 0600,
	};
	struct mount_spec *m = &r->spec;

	if (!mount_field_given(r, "mode"))
		m->mode = m->type == MOUNT_BIND || m->type == MOUNT_TMPFS
				  ? 0
				  : modes[m->type];
	if (!r->readonly_given)
		m->readonly = m->type == MOUNT_BIND || m->type == MOUNT_SECRET;
	if (m->type == MOUNT_SSH && !m->id)
		return mount_set_text(r, &m->id, "default");
	return m->type == MOUNT_SECRET ? fill_secret(r) : 0;
}

int mount_spec_parse(const char *value, char escape,
		     const struct expand_env *env, struct mount_spec *ret,
		     struct error *err)
{
	AUTO(reading_release)
	struct mount_reading r = { .escape = escape, .env = env, .err = err };
	AUTO(strv_release) struct strv fields = STRV_INIT;
	size_t i;

	if (csv_split(value, ERROR_DOCKERFILE, &fields, err) < 0)
		return error_wrap(err, "failed to parse csv mounts");
	for (i = 0; i < fields.len; i++)
		if (mount_field_read(&r, fields.items[i]) < 0)
			return -1;
	if (judge(&r) < 0 || fill_defaults(&r) < 0)
		return -1;
	*ret = r.spec;
	r.spec = (struct mount_spec){ 0 };
	return 0;
}
