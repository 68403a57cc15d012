#include "builder/config.h"

#include <string.h>

#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/json.h"
#include "store/base/json_text.h"
#include "store/base/path.h"
#include "store/image_config.h"

#define WHAT "writing the image config"

/* Set a member of any object; takes `value`, NULL meaning no memory. */
static int set_member(json_t *object, const char *name, json_t *value,
		      struct error *err)
{
	AUTO(json_decref) json_t *key = NULL;

	if (value && json_object_set(object, name, value) == 0) {
		json_decref(value);
		return 0;
	}
	/* Names come from Dockerfiles too: labels, ports, volumes. */
	key = json_text(name);
	if (!value || !key ||
	    json_object_set(object, json_string_value(key), value) < 0) {
		json_decref(value);
		return error_nomem(err, WHAT);
	}
	json_decref(value);
	return 0;
}

/* "config", made when it is absent or not an object. */
static json_t *run_part(json_t *config, struct error *err)
{
	json_t *run = image_config_run(config);

	if (!run)
		error_nomem(err, WHAT);
	return run;
}

/* A member of "config" of the wanted type, made when it is not there. */
static json_t *part(json_t *config, const char *member, json_type type,
		    struct error *err)
{
	json_t *run = run_part(config, err), *value;

	if (!run)
		return NULL;
	value = json_object_get(run, member);
	if (value && json_typeof(value) == type)
		return value;
	value = type == JSON_ARRAY ? json_array() : json_object();
	if (set_member(run, member, value, err) < 0)
		return NULL;
	return value;
}

const char *config_get(const json_t *config, const char *member)
{
	return json_get_string(json_object_get(config, "config"), member);
}

int config_get_list(const json_t *config, const char *member, struct strv *ret,
		    struct error *err)
{
	const json_t *list, *item;
	size_t i;

	list = json_object_get(json_object_get(config, "config"), member);
	json_array_foreach(list, i, item) {
		if (json_is_string(item))
			strv_append(ret, json_string_value(item));
	}
	return strv_check(ret, "reading the image config", err);
}

int config_set(json_t *config, const char *member, const char *value,
	       struct error *err)
{
	json_t *run = run_part(config, err);

	return run ? set_member(run, member, json_text(value), err) : -1;
}

static int append_text(json_t *list, const char *value, struct error *err)
{
	if (json_array_append_new(list, json_text(value)) < 0)
		return error_nomem(err, WHAT);
	return 0;
}

int config_set_list(json_t *config, const char *member,
		    const struct strv *values, struct error *err)
{
	json_t *list;
	size_t i;

	config_remove(config, member);
	list = part(config, member, JSON_ARRAY, err);
	if (!list)
		return -1;
	for (i = 0; i < values->len; i++)
		if (append_text(list, values->items[i], err) < 0)
			return -1;
	return 0;
}

int config_append(json_t *config, const char *member, const char *value,
		  struct error *err)
{
	json_t *list = part(config, member, JSON_ARRAY, err);

	return list ? append_text(list, value, err) : -1;
}

int config_add_name(json_t *config, const char *member, const char *name,
		    struct error *err)
{
	json_t *names = part(config, member, JSON_OBJECT, err);

	return names ? set_member(names, name, json_object(), err) : -1;
}

void config_remove(json_t *config, const char *member)
{
	json_object_del(json_object_get(config, "config"), member);
}

int config_set_label(json_t *config, const char *name, const char *value,
		     struct error *err)
{
	json_t *labels = part(config, "Labels", JSON_OBJECT, err);

	return labels ? set_member(labels, name, json_text(value), err) : -1;
}

int config_set_command(json_t *config, const char *member,
		       const struct strv *argv, struct error *err)
{
	json_t *run;

	if (config_set_list(config, member, argv, err) < 0)
		return -1;
	run = run_part(config, err);
	if (!run)
		return -1;
	/* Only CMD marks the arguments as escaped. */
	if (strcmp(member, "Cmd"))
		return 0;
	return set_member(run, "ArgsEscaped", json_true(), err);
}

static int set_number(json_t *object, const char *name, int64_t value,
		      struct error *err)
{
	return value ? set_member(object, name, json_integer(value), err) : 0;
}

int config_set_healthcheck(json_t *config, const struct strv *test,
			   const struct healthcheck *h, struct error *err)
{
	json_t *object, *list;
	size_t i;

	config_remove(config, "Healthcheck");
	object = part(config, "Healthcheck", JSON_OBJECT, err);
	list = json_array();
	if (!object || set_member(object, "Test", list, err) < 0)
		return -1;
	for (i = 0; i < test->len; i++)
		if (append_text(list, test->items[i], err) < 0)
			return -1;
	if (set_number(object, "Interval", h->interval_ns, err) < 0 ||
	    set_number(object, "Timeout", h->timeout_ns, err) < 0 ||
	    set_number(object, "StartPeriod", h->start_period_ns, err) < 0 ||
	    set_number(object, "StartInterval", h->start_interval_ns, err) < 0)
		return -1;
	return set_number(object, "Retries", h->retries, err);
}

int config_set_author(json_t *config, const char *author, struct error *err)
{
	return set_member(config, "author", json_text(author), err);
}

static int set_or_remove(json_t *config, const char *name, const char *value,
			 bool keep, struct error *err)
{
	if (*value)
		return set_member(config, name, json_text(value), err);
	if (!keep)
		json_object_del(config, name);
	return 0;
}

/*
 * A wish without a variant says nothing about the variant of the base, unless
 * the base was for something else altogether.
 */
int config_set_platform(json_t *config, const struct platform *platform,
			struct error *err)
{
	const char *os = json_get_string(config, "os");
	const char *arch = json_get_string(config, "architecture");
	bool same = os && arch && !strcmp(os, platform->os) &&
		    !strcmp(arch, platform->arch);

	if (set_member(config, "os", json_text(platform->os), err) < 0 ||
	    set_member(config, "architecture", json_text(platform->arch), err) <
		    0 ||
	    set_or_remove(config, "variant", platform->variant, same, err) < 0)
		return -1;
	return set_or_remove(config, "os.version", platform->os_version, same,
			     err);
}

/* Images may leave PATH out; what is built on them may not. */
static int ensure_path(json_t *config, struct error *err)
{
	const json_t *item, *env = json_object_get(
				    json_object_get(config, "config"), "Env");
	const char *text;
	size_t i;

	json_array_foreach(env, i, item) {
		text = json_string_value(item);
		if (text && !strncmp(text, "PATH=", 5))
			return 0;
	}
	return config_append(config, "Env", "PATH=" CONFIG_DEFAULT_PATH, err);
}

static int normalize_workdir(json_t *config, struct error *err)
{
	const char *dir = config_get(config, "WorkingDir");
	autofree char *clean = NULL;

	if (!dir || !*dir)
		return 0;
	clean = path_join("/", dir);
	if (!clean)
		return error_nomem(err, WHAT);
	return config_set(config, "WorkingDir", clean, err);
}

json_t *config_scratch(const struct platform *platform, struct error *err)
{
	AUTO(json_decref) json_t *config = image_config_new(platform);

	if (!config) {
		error_nomem(err, WHAT);
		return NULL;
	}
	if (ensure_path(config, err) < 0 ||
	    config_set(config, "WorkingDir", "/", err) < 0)
		return NULL;
	return steal_pointer(&config);
}

json_t *config_take_base(json_t *base, struct error *err)
{
	AUTO(json_decref) json_t *config = base;

	json_object_del(config, "rootfs");
	config_remove(config, "OnBuild");
	if (ensure_path(config, err) < 0 || normalize_workdir(config, err) < 0)
		return NULL;
	return steal_pointer(&config);
}

json_t *config_from_base(const json_t *base, struct error *err)
{
	json_t *copy = json_deep_copy(base);

	if (copy)
		return config_take_base(copy, err);
	error_nomem(err, WHAT);
	return NULL;
}
