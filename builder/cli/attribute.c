#include "builder/cli/attribute.h"

#include <string.h>
#include <strings.h>

#include "store/base/csv.h"

int attributes_each(const char *text,
		    int (*set)(void *ctx, const char *key, const char *value,
			       struct error *err),
		    void *ctx, struct error *err)
{
	AUTO(strv_release) struct strv fields = STRV_INIT;

	if (csv_split(text, ERROR_USAGE, &fields, err) < 0)
		return -1;
	for (size_t i = 0; i < fields.len; i++) {
		char *key = fields.items[i], *value = strchr(key, '=');

		if (!value)
			return error_set(err, ERROR_USAGE,
					 "\"%s\" is not of the form key=value",
					 key);
		*value++ = '\0';
		if (set(ctx, key, value, err) < 0)
			return -1;
	}
	return 0;
}

int attribute_bool(const char *key, const char *value, bool *ret,
		   struct error *err)
{
	*ret = !strcasecmp(value, "true") || !strcmp(value, "1");
	if (*ret || !strcasecmp(value, "false") || !strcmp(value, "0"))
		return 0;
	return error_set(err, ERROR_USAGE, "%s takes true or false, not \"%s\"",
			 key, value);
}

static int set_level(const char *value, int *ret, struct error *err)
{
	char *end;
	long level = strtol(value, &end, 10);

	if (!*value || *end || level < 0 || level > 22)
		return error_set(err, ERROR_USAGE,
				 "compression-level takes 0 to 22, not \"%s\"",
				 value);
	*ret = (int)level;
	return 0;
}

static int set_media_types(const char *key, const char *value, bool *docker,
			   struct error *err)
{
	bool oci;

	if (attribute_bool(key, value, &oci, err) < 0)
		return -1;
	*docker = !oci;
	return 0;
}

int attribute_layer_format(const char *key, const char *value,
			   struct layer_format *ret, struct error *err)
{
	int rc;

	if (!strcmp(key, "compression"))
		rc = compression_parse(value, &ret->compression.kind, err);
	else if (!strcmp(key, "compression-level"))
		rc = set_level(value, &ret->compression.level, err);
	else if (!strcmp(key, "force-compression"))
		rc = attribute_bool(key, value, &ret->force, err);
	else if (!strcmp(key, "oci-mediatypes"))
		rc = set_media_types(key, value, &ret->docker, err);
	else
		return 0;
	return rc < 0 ? -1 : 1;
}
