#include "builder/cli/config_file.h"

#include <string.h>

#include "builder/cli/age.h"
#include "builder/cli/limits.h"
#include "store/base/json.h"
#include "store/base/toml.h"

#define CHECK_INTERVAL 600

static int set_max_used(struct config *c, const char *value, struct error *err)
{
	int64_t bytes = 0;

	if (limit_parse_bytes("max-used-space", value, &bytes, err) < 0)
		return -1;
	if (bytes <= 0)
		return error_set(err, ERROR_USAGE,
				 "max-used-space takes a size such as \"20g\"");
	c->max_used_bytes = (uint64_t)bytes;
	return 0;
}

static int set_interval(struct config *c, const char *value, struct error *err)
{
	return age_parse(value, &c->check_interval_s, err);
}

static const struct {
	const char *table, *key;
	int (*set)(struct config *c, const char *value, struct error *err);
} settings[] = {
	{ "store", "max-used-space", set_max_used },
	{ "store", "check-interval", set_interval },
};

static int set(struct config *c, const char *table, const char *key,
	       const json_t *value, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (strcmp(settings[i].table, table) != 0 ||
		    strcmp(settings[i].key, key) != 0)
			continue;
		if (!json_is_string(value))
			return error_set(err, ERROR_USAGE,
					 "%s.%s has to be a string", table,
					 key);
		return settings[i].set(c, json_string_value(value), err);
	}
	return error_set(err, ERROR_USAGE, "there is no setting %s.%s", table,
			 key);
}

static int take(struct config *c, const json_t *doc, struct error *err)
{
	const char *table, *key;
	json_t *settings_of, *value;

	json_object_foreach((json_t *)doc, table, settings_of) {
		if (!json_is_object(settings_of))
			return error_set(err, ERROR_USAGE,
					 "there is no setting %s", table);
		json_object_foreach(settings_of, key, value)
			if (set(c, table, key, value, err) < 0)
				return -1;
	}
	return 0;
}

/* 1, 0 when there is no such file, -1. */
static int load(const char *path, struct config *c, struct error *err)
{
	AUTO(json_decref) json_t *doc = NULL;
	int found = toml_read(path, &doc, err);

	if (found <= 0)
		return found;
	return take(c, doc, err) < 0 ? error_wrap(err, "'%s'", path) : 1;
}

/* "DIR" + "BELOW/shale/config.toml", when there is a DIR. */
static int load_below(const char *dir, const char *below, struct config *c,
		      struct error *err)
{
	autofree char *path = NULL;

	if (!dir || *dir != '/')
		return 0;
	if (asprintf(&path, "%s%s/shale/config.toml", dir, below) < 0) {
		path = NULL;
		return error_nomem(err, "reading the configuration");
	}
	return load(path, c, err);
}

int config_load(struct config *ret, struct error *err)
{
	const char *xdg = getenv("XDG_CONFIG_HOME");
	struct config c = { .check_interval_s = CHECK_INTERVAL };
	int found = xdg && *xdg
			    ? load_below(xdg, "", &c, err)
			    : load_below(getenv("HOME"), "/.config", &c, err);

	if (!found)
		found = load_below("/etc", "", &c, err);
	if (found < 0)
		return -1;
	*ret = c;
	return 0;
}
