#include "builder/cli/cache_option.h"

#include <string.h>

#include "builder/cli/attribute.h"

static void release_one(struct cache_option *o)
{
	free(o->ref);
	free(o->dir);
	free(o->tag);
}
DEFINE_RELEASE(struct cache_option, release_one);

void cache_options_release(struct cache_options *o)
{
	for (size_t i = 0; i < o->len; i++)
		release_one(&o->items[i]);
	free(o->items);
}

int cache_options_insecure(const struct cache_options *o, struct strv *ret,
			   struct error *err)
{
	for (size_t i = 0; i < o->len; i++) {
		const char *ref = o->items[i].ref;

		if (o->items[i].insecure && ref)
			strv_append_len(ret, ref, strcspn(ref, "/"));
	}
	return strv_check(ret, "reading cache options", err);
}

bool cache_options_have_inline(const struct cache_options *o)
{
	for (size_t i = 0; i < o->len; i++)
		if (o->items[i].kind == CACHE_INLINE)
			return true;
	return false;
}

static int set_type(struct cache_option *o, const char *value,
		    struct error *err)
{
	static const char *const kinds[] = {
		[CACHE_REGISTRY] = "registry",
		[CACHE_LOCAL] = "local",
		[CACHE_INLINE] = "inline",
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(value, kinds[i])) {
			o->kind = (enum cache_kind)i;
			return 0;
		}
	return error_set(err, ERROR_USAGE,
			 "unknown cache type \"%s\"; use registry, local or "
			 "inline",
			 value);
}

static int set_text(char **to, const char *value, struct error *err)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : error_nomem(err, "reading cache options");
}

static int set_mode(struct cache_option *o, const char *value,
		    struct error *err)
{
	o->all = !strcmp(value, "max");
	if (o->all || !strcmp(value, "min"))
		return 0;
	return error_set(err, ERROR_USAGE, "mode takes min or max, not \"%s\"",
			 value);
}

/* Saved mounts are no image and have one form only. */
static bool is_for_images(const char *key)
{
	static const char *const keys[] = {
		"type", "ref",	  "src",	  "dest",
		"tag",	"digest", "ignore-error", "registry.insecure"
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcmp(key, keys[i]))
			return false;
	return true;
}

static bool is_import(enum cache_option_use use)
{
	return use == CACHE_FROM || use == CACHE_MOUNT_FROM;
}

/* An option while its attributes are read. */
struct reading {
	struct cache_option *option;
	enum cache_option_use use;
};

static int set_flag_or_format(const struct reading *r, const char *key,
			      const char *value, struct error *err)
{
	struct cache_option *o = r->option;
	bool ignored;
	int taken;

	if (!strcmp(key, "registry.insecure"))
		return attribute_bool(key, value, &o->insecure, err);
	if (!strcmp(key, "reset") && r->use == CACHE_TO)
		return attribute_bool(key, value, &o->reset, err);
	if (!strcmp(key, "ignore-error"))
		return attribute_bool(key, value, &o->ignore_error, err);
	/* A cache is always an image manifest. */
	if (!strcmp(key, "image-manifest"))
		return attribute_bool(key, value, &ignored, err);
	taken = attribute_layer_format(key, value, &o->format, err);
	if (taken)
		return taken < 0 ? -1 : 0;
	return error_set(err, ERROR_USAGE, "unknown cache attribute \"%s\"",
			 key);
}

static int set_attribute(void *ctx, const char *key, const char *value,
			 struct error *err)
{
	const struct reading *r = ctx;
	struct cache_option *o = r->option;

	if (r->use >= CACHE_MOUNT_FROM && is_for_images(key))
		return error_set(err, ERROR_USAGE,
				 "unknown attribute \"%s\" of cache mounts",
				 key);
	if (!strcmp(key, "type"))
		return set_type(o, value, err);
	if (!strcmp(key, "ref")) {
		free(o->ref);
		o->ref = session_name(value, err);
		return o->ref ? 0 : -1;
	}
	if (!strcmp(key, "src") || !strcmp(key, "dest"))
		return set_text(&o->dir, value, err);
	if (!strcmp(key, "tag") ||
	    (is_import(r->use) && !strcmp(key, "digest")))
		return set_text(&o->tag, value, err);
	if (!strcmp(key, "mode"))
		return set_mode(o, value, err);
	return set_flag_or_format(r, key, value, err);
}

static int check(const struct cache_option *o, enum cache_option_use use,
		 struct error *err)
{
	bool import = is_import(use);

	if (o->kind == CACHE_REGISTRY && !o->ref)
		return error_set(err, ERROR_USAGE,
				 "type=registry needs ref=NAME");
	if (o->kind == CACHE_LOCAL && !o->dir)
		return error_set(err, ERROR_USAGE, "type=local needs %s=DIR",
				 import ? "src" : "dest");
	if (o->kind == CACHE_INLINE && use >= CACHE_MOUNT_FROM)
		return error_set(err, ERROR_USAGE,
				 "cache mounts are kept in a registry or a "
				 "directory, not inline");
	if (o->kind == CACHE_INLINE && import)
		return error_set(err, ERROR_USAGE,
				 "an inline cache is imported from its image: "
				 "type=registry,ref=NAME");
	return 0;
}

/* Without a key: a name, or what looks like a directory. */
static int parse_bare(const char *text, struct reading *r, struct error *err)
{
	if (*text != '.' && *text != '/')
		return set_attribute(r, "ref", text, err);
	r->option->kind = CACHE_LOCAL;
	return set_text(&r->option->dir, text, err);
}

static int parse_one(const char *text, enum cache_option_use use,
		     struct cache_options *ret, struct error *err)
{
	AUTO(release_one)
	struct cache_option o = {
		.format.compression = { COMPRESSION_GZIP,
					COMPRESSION_LEVEL_DEFAULT },
	};
	struct reading r = { &o, use };
	struct cache_option *grown;
	int rc = strchr(text, '=')
			 ? attributes_each(text, set_attribute, &r, err)
			 : parse_bare(text, &r, err);

	if (rc < 0 || check(&o, use, err) < 0)
		return -1;
	grown = realloc(ret->items, (ret->len + 1) * sizeof(*grown));
	if (!grown)
		return error_nomem(err, "reading cache options");
	ret->items = grown;
	ret->items[ret->len++] = o;
	o = (struct cache_option){ 0 };
	return 0;
}

int cache_options_parse(const struct strv *texts, enum cache_option_use use,
			struct cache_options *ret, struct error *err)
{
	static const char *const names[] = {
		[CACHE_FROM] = "cache-from",
		[CACHE_TO] = "cache-to",
		[CACHE_MOUNT_FROM] = "cache-mount-from",
		[CACHE_MOUNT_TO] = "cache-mount-to",
	};

	for (size_t i = 0; i < texts->len; i++)
		if (parse_one(texts->items[i], use, ret, err) < 0)
			return error_wrap(err, "--%s %s", names[use],
					  texts->items[i]);
	return 0;
}
