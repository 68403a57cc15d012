#include "builder/resolve.h"

#include <string.h>
#include <strings.h>

#include "registry/reference.h"
#include "store/import.h"
#include "store/names.h"

/*
 * The image of that name in the store: 1, or 0 when there is none for the
 * platform (or its layers are gone: then the registry has them).
 */
static int find_local(const struct resolver *r, const char *name,
		      const struct platform *platform, struct image **ret,
		      struct error *err)
{
	AUTO(name_record_release) struct name_record record = { 0 };
	AUTO(image_free) struct image *image = NULL;
	struct platform have;

	if (name_get(batch_store(r->batch), name, &record, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	if (image_open(r->batch, &record.image, &image, err) < 0)
		return err->kind == ERROR_NOT_FOUND ||
				       err->kind == ERROR_INTEGRITY
			       ? 0
			       : -1;
	if (image_config_platform(image->config, &have, err) < 0)
		return -1;
	if (!platform_match(platform, &have))
		return 0;
	image->manifest = record.manifest;
	*ret = steal_pointer(&image);
	return 1;
}

static int pull(const struct resolver *r, const struct reference *ref,
		const char *name, const struct platform *platform,
		struct image **ret, struct error *err)
{
	AUTO(image_free) struct image *image = NULL;

	if (registry_pull(r->registry, r->batch, ref, platform, &image, err) <
	    0)
		return -1;
	if (name_set(r->batch, name, &image->id, &image->manifest, err) < 0)
		return -1;
	*ret = steal_pointer(&image);
	return 0;
}

static int resolve(const struct resolver *r, const struct reference *ref,
		   const char *name, const struct platform *platform,
		   struct image **ret, struct error *err)
{
	int found = 0;

	if (!r->pull)
		found = find_local(r, name, platform, ret, err);
	if (found)
		return found < 0 ? -1 : 0;
	error_clear(err);
	return pull(r, ref, name, platform, ret, err);
}

/* Run `find` as a step of the progress. */
static int shown(const struct resolver *r, const char *name,
		 int (*find)(const struct resolver *r, const void *what,
			     const struct platform *platform,
			     struct image **ret, struct error *err),
		 const void *what, const struct platform *platform,
		 struct image **ret, struct error *err)
{
	autofree char *label = NULL;
	unsigned step;
	int rc;

	if (asprintf(&label, "[internal] load metadata for %s", name) < 0) {
		label = NULL;
		return error_nomem(err, "resolving an image");
	}
	step = progress_add(r->progress, label);
	progress_start(r->progress, step);
	rc = find(r, what, platform, ret, err);
	progress_end(r->progress, step, rc < 0 ? PROGRESS_ERROR : PROGRESS_DONE,
		     rc < 0 ? "cannot resolve the image" : NULL);
	return rc;
}

/* "DIR[:TAG][@DIGEST]" taken apart; a digest says more than a tag. */
struct layout_name {
	char *dir;
	char *ref; /* NULL: the only image, or the latest */
};

static void layout_name_release(struct layout_name *n)
{
	free(n->dir);
	free(n->ref);
}
DEFINE_RELEASE(struct layout_name, layout_name_release);

static int parse_layout(const char *text, struct layout_name *ret,
			struct error *err)
{
	const char *at = strchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);
	const char *colon = memrchr(text, ':', len);

	if (colon && memchr(colon, '/', len - (size_t)(colon - text)))
		colon = NULL;
	ret->dir = strndup(text, colon ? (size_t)(colon - text) : len);
	if (at)
		ret->ref = strdup(at + 1);
	else if (colon)
		ret->ref = strndup(colon + 1, len - (size_t)(colon + 1 - text));
	if (!ret->dir || ((at || colon) && !ret->ref))
		return error_nomem(err, "resolving an image");
	return 0;
}

static int find_in_layout(const struct resolver *r, const void *what,
			  const struct platform *platform, struct image **ret,
			  struct error *err)
{
	const struct layout_name *name = what;
	struct error ignored = ERROR_INIT;

	if (import_layout(r->batch, name->dir, name->ref, platform, ret, err) ==
	    0)
		return 0;
	if (!name->ref && err->kind == ERROR_NOT_FOUND &&
	    import_layout(r->batch, name->dir, "latest", platform, ret,
			  &ignored) == 0) {
		error_clear(err);
		return 0;
	}
	return -1;
}

static int resolve_layout(const struct resolver *r, const char *text,
			  const struct platform *platform, struct image **ret,
			  struct error *err)
{
	AUTO(layout_name_release) struct layout_name name = { 0 };

	if (parse_layout(text, &name, err) < 0)
		return -1;
	return shown(r, text, find_in_layout, &name, platform, ret, err);
}

/* A reference with its full name. */
struct named_reference {
	struct reference ref;
	char *name;
};

static void named_reference_release(struct named_reference *n)
{
	reference_release(&n->ref);
	free(n->name);
}
DEFINE_RELEASE(struct named_reference, named_reference_release);

static int find_by_reference(const struct resolver *r, const void *what,
			     const struct platform *platform,
			     struct image **ret, struct error *err)
{
	const struct named_reference *n = what;

	return resolve(r, &n->ref, n->name, platform, ret, err);
}

static int resolve_reference(const struct resolver *r, const char *text,
			     const struct platform *platform,
			     struct image **ret, struct error *err)
{
	AUTO(named_reference_release) struct named_reference n = { 0 };

	if (reference_parse(text, &n.ref, err) < 0) {
		err->kind = ERROR_DOCKERFILE;
		return error_wrap(err, "failed to parse image name \"%s\"",
				  text);
	}
	n.name = reference_format(&n.ref, err);
	if (!n.name)
		return -1;
	return shown(r, n.name, find_by_reference, &n, platform, ret, err);
}

int resolve_image(void *ctx, const char *ref, const struct platform *platform,
		  struct image **ret, struct error *err)
{
	static const char image[] = "docker-image://";
	static const char layout[] = "oci-layout://";
	const struct resolver *r = ctx;

	if (!strncasecmp(ref, layout, strlen(layout)))
		return resolve_layout(r, ref + strlen(layout), platform, ret,
				      err);
	if (!strncasecmp(ref, image, strlen(image)))
		ref += strlen(image);
	return resolve_reference(r, ref, platform, ret, err);
}
