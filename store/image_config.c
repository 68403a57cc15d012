#include "store/image_config.h"

#include <string.h>

#include "store/base/strv.h"
#include "store/descriptor.h"

/* What a member may be; null is the same as absent everywhere. */
enum kind {
	ANY,
	TEXT,
	TEXTS,	  /* list of texts */
	TEXT_MAP, /* object of texts */
	SET,	  /* object whose keys matter */
	SHAPED,	  /* an object of known members, or a list of such */
};

struct shape;

struct member {
	const char *key;
	enum kind kind;
	const struct shape *shape; /* SHAPED */
	bool keep;		   /* written even when empty */
};

/* The members of an object in the order they are written. */
struct shape {
	const struct member *members;
	size_t n;
	bool list; /* a list of such objects */
};

static const struct member healthcheck_members[] = {
	{ "Test", TEXTS, NULL, false },
	{ "Interval", ANY, NULL, false },
	{ "Timeout", ANY, NULL, false },
	{ "StartPeriod", ANY, NULL, false },
	{ "StartInterval", ANY, NULL, false },
	{ "Retries", ANY, NULL, false },
};

static const struct shape healthcheck_shape = { healthcheck_members,
						ARRAY_LEN(healthcheck_members),
						false };

static const struct member run_members[] = {
	{ "User", TEXT, NULL, false },
	{ "ExposedPorts", SET, NULL, false },
	{ "Env", TEXTS, NULL, false },
	{ "Entrypoint", TEXTS, NULL, false },
	{ "Cmd", TEXTS, NULL, false },
	{ "Volumes", SET, NULL, false },
	{ "WorkingDir", TEXT, NULL, false },
	{ "Labels", TEXT_MAP, NULL, false },
	{ "StopSignal", TEXT, NULL, false },
	{ "ArgsEscaped", ANY, NULL, false },
	{ "Healthcheck", SHAPED, &healthcheck_shape, false },
	{ "OnBuild", TEXTS, NULL, false },
	{ "Shell", TEXTS, NULL, false },
};

static const struct shape run_shape = { run_members, ARRAY_LEN(run_members),
					false };

static const struct member rootfs_members[] = {
	{ "type", TEXT, NULL, true },
	{ "diff_ids", TEXTS, NULL, true },
};

static const struct shape rootfs_shape = { rootfs_members,
					   ARRAY_LEN(rootfs_members), false };

static const struct member history_members[] = {
	{ "created", TEXT, NULL, false },
	{ "created_by", TEXT, NULL, false },
	{ "author", TEXT, NULL, false },
	{ "comment", TEXT, NULL, false },
	{ "empty_layer", ANY, NULL, false },
};

static const struct shape history_shape = { history_members,
					    ARRAY_LEN(history_members), true };

static const struct member config_members[] = {
	{ "created", TEXT, NULL, false },
	{ "author", TEXT, NULL, false },
	{ "architecture", TEXT, NULL, true },
	{ "os", TEXT, NULL, true },
	{ "os.version", TEXT, NULL, false },
	{ "os.features", TEXTS, NULL, false },
	{ "variant", TEXT, NULL, false },
	{ "config", SHAPED, &run_shape, true },
	{ "rootfs", SHAPED, &rootfs_shape, true },
	{ "history", SHAPED, &history_shape, false },
};

static const struct shape config_shape = { config_members,
					   ARRAY_LEN(config_members), false };

static const struct member *find_member(const struct shape *shape,
					const char *key)
{
	size_t i;

	for (i = 0; i < shape->n; i++)
		if (!strcmp(shape->members[i].key, key))
			return &shape->members[i];
	return NULL;
}

json_t *image_config_new(const struct platform *platform)
{
	AUTO(json_decref)
	json_t *config =
		json_pack("{s:s, s:s, s:{}, s:{s:s, s:[]}}", "architecture",
			  platform->arch, "os", platform->os, "config",
			  "rootfs", "type", "layers", "diff_ids");

	if (!config)
		return NULL;
	if (platform->variant[0] &&
	    json_object_set_new(config, "variant",
				json_string(platform->variant)) < 0)
		return NULL;
	if (platform->os_version[0] &&
	    json_object_set_new(config, "os.version",
				json_string(platform->os_version)) < 0)
		return NULL;
	return steal_pointer(&config);
}

static bool all_texts(const json_t *value)
{
	const json_t *item;
	const char *key;
	size_t i;

	json_array_foreach(value, i, item)
		if (!json_is_string(item))
			return false;
	/* The iteration macro wants a pointer that it could write through. */
	json_object_foreach((json_t *)value, key, item)
		if (!json_is_string(item))
			return false;
	return true;
}

static int check_shape(const json_t *value, const struct shape *shape,
		       const char *name, struct error *err);

static int check_member(const json_t *value, const struct member *m,
			struct error *err)
{
	bool good = true;

	if (!value || json_is_null(value))
		return 0;
	switch (m->kind) {
	case ANY:
		break;
	case TEXT:
		good = json_is_string(value);
		break;
	case TEXTS:
		good = json_is_array(value) && all_texts(value);
		break;
	case TEXT_MAP:
		good = json_is_object(value) && all_texts(value);
		break;
	case SET:
		good = json_is_object(value);
		break;
	case SHAPED:
		return check_shape(value, m->shape, m->key, err);
	}
	if (!good)
		return error_set(err, ERROR_INTEGRITY,
				 "\"%s\" has the wrong type", m->key);
	return 0;
}

static int check_object(const json_t *value, const struct shape *shape,
			const char *name, struct error *err)
{
	size_t i;

	if (!json_is_object(value))
		return error_set(err, ERROR_INTEGRITY,
				 "\"%s\" has the wrong type", name);
	for (i = 0; i < shape->n; i++) {
		const struct member *m = &shape->members[i];

		if (check_member(json_object_get(value, m->key), m, err) < 0)
			return -1;
	}
	return 0;
}

static int check_shape(const json_t *value, const struct shape *shape,
		       const char *name, struct error *err)
{
	const json_t *item;
	size_t i;

	if (!shape->list)
		return check_object(value, shape, name, err);
	if (!json_is_array(value))
		return error_set(err, ERROR_INTEGRITY,
				 "\"%s\" has the wrong type", name);
	json_array_foreach(value, i, item)
		if (check_object(item, shape, name, err) < 0)
			return -1;
	return 0;
}

static int check_rootfs(const json_t *config, struct error *err)
{
	const json_t *rootfs = json_object_get(config, "rootfs");
	const char *type = json_get_string(rootfs, "type");
	struct digest ignored;
	size_t i;

	if (!type || strcmp(type, "layers"))
		return error_set(err, ERROR_INTEGRITY,
				 "it has no \"rootfs\" of layers");
	for (i = 0; i < image_config_n_layers(config); i++)
		if (image_config_diff_id(config, i, &ignored, err) < 0)
			return -1;
	return 0;
}

int image_config_parse(const char *data, size_t len, json_t **ret,
		       struct error *err)
{
	AUTO(json_decref) json_t *config = NULL;

	if (len > CONFIG_MAX)
		return error_set(err, ERROR_REFUSED,
				 "the image config is larger than %zu bytes",
				 CONFIG_MAX);
	config = json_parse(data, len, "the image config", err);
	if (!config)
		return -1;
	if (check_shape(config, &config_shape, "config", err) < 0 ||
	    check_rootfs(config, err) < 0)
		return error_wrap(err, "reading an image config");
	if (!image_config_run(config))
		return error_nomem(err, "reading an image config");
	*ret = steal_pointer(&config);
	return 0;
}

/* Null, "", [], {}, false, 0: what absence would say as well. */
static bool is_empty(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_NULL:
	case JSON_FALSE:
		return true;
	case JSON_STRING:
		return json_string_length(value) == 0;
	case JSON_ARRAY:
		return json_array_size(value) == 0;
	case JSON_OBJECT:
		return json_object_size(value) == 0;
	case JSON_INTEGER:
		return json_integer_value(value) == 0;
	default:
		return false;
	}
}

static json_t *canonical(const json_t *value, const struct shape *shape);

static json_t *canonical_list(const json_t *list, const struct shape *shape)
{
	AUTO(json_decref) json_t *copy = json_array();
	const struct shape element = { shape->members, shape->n, false };
	const json_t *item;
	size_t i;

	if (!copy)
		return NULL;
	json_array_foreach(list, i, item)
		if (json_array_append_new(copy, canonical(item, &element)) < 0)
			return NULL;
	return steal_pointer(&copy);
}

/* Put one member into `copy`, unless it says nothing. */
static int put_member(json_t *copy, const struct member *m, const json_t *value)
{
	AUTO(json_decref) json_t *made = NULL;

	if (!value)
		return 0;
	made = m->kind == SHAPED ? canonical(value, m->shape)
				 : json_sorted_copy(value);
	if (!made)
		return -1;
	if (is_empty(made) && !m->keep)
		return 0;
	return json_object_set(copy, m->key, made);
}

/* Members we do not know: kept as they are, sorted, behind the others. */
static int put_unknown(json_t *copy, const json_t *object,
		       const struct shape *shape)
{
	AUTO(json_decref) json_t *sorted = json_sorted_copy(object);
	const char *key;
	json_t *value;

	if (!sorted)
		return -1;
	json_object_foreach(sorted, key, value) {
		if (find_member(shape, key) || json_is_null(value))
			continue;
		if (json_object_set(copy, key, value) < 0)
			return -1;
	}
	return 0;
}

static json_t *canonical(const json_t *value, const struct shape *shape)
{
	AUTO(json_decref) json_t *copy = NULL;
	size_t i;

	if (shape->list && json_is_array(value))
		return canonical_list(value, shape);
	if (!json_is_object(value))
		return json_sorted_copy(value);
	copy = json_object();
	for (i = 0; copy && i < shape->n; i++) {
		const struct member *m = &shape->members[i];

		if (put_member(copy, m, json_object_get(value, m->key)) < 0)
			return NULL;
	}
	if (!copy || put_unknown(copy, value, shape) < 0)
		return NULL;
	return steal_pointer(&copy);
}

int image_config_serialize(const json_t *config, struct buf *ret,
			   struct error *err)
{
	AUTO(json_decref) json_t *copy = canonical(config, &config_shape);
	autofree char *text = copy ? json_serialize(copy, NULL, err) : NULL;

	if (!text)
		return error_nomem(err, "writing an image config");
	buf_append_str(ret, text);
	return buf_check(ret, "writing an image config", err);
}

int image_config_platform(const json_t *config, struct platform *ret,
			  struct error *err)
{
	struct platform p;

	if (platform_from_json(config, &p, err) < 0)
		return -1;
	if (!p.os[0] || !p.arch[0])
		return error_set(err, ERROR_INTEGRITY,
				 "the image config names no os or "
				 "architecture");
	*ret = p;
	return 0;
}

json_t *image_config_run(json_t *config)
{
	json_t *run = json_object_get(config, "config");

	if (json_is_object(run))
		return run;
	if (json_object_set_new(config, "config", json_object()) < 0)
		return NULL;
	return json_object_get(config, "config");
}

static json_t *diff_ids(const json_t *config)
{
	return json_object_get(json_object_get(config, "rootfs"), "diff_ids");
}

size_t image_config_n_layers(const json_t *config)
{
	return json_array_size(diff_ids(config));
}

int image_config_diff_id(const json_t *config, size_t i, struct digest *ret,
			 struct error *err)
{
	const char *text =
		json_string_value(json_array_get(diff_ids(config), i));

	if (!text)
		return error_set(err, ERROR_INTEGRITY,
				 "the image config has no diff id %zu", i);
	return digest_parse(text, ret, err);
}

int image_config_set_diff_ids(json_t *config, const struct digest *ids,
			      size_t n, struct error *err)
{
	AUTO(json_decref)
	json_t *rootfs = json_pack("{s:s, s:[]}", "type", "layers", "diff_ids");
	json_t *array = json_object_get(rootfs, "diff_ids");
	size_t i;

	for (i = 0; i < n; i++)
		if (json_array_append_new(array, json_string(ids[i].text)) < 0)
			return error_nomem(err, "writing an image config");
	if (!array || json_object_set(config, "rootfs", rootfs) < 0)
		return error_nomem(err, "writing an image config");
	return 0;
}
