#include "builder/resolve.h"

#include "registry/reference.h"
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

int resolve_image(void *ctx, const char *ref, const struct platform *platform,
		  struct image **ret, struct error *err)
{
	const struct resolver *r = ctx;
	AUTO(reference_release) struct reference parsed = { 0 };
	autofree char *name = NULL, *label = NULL;
	unsigned step;
	int rc;

	if (reference_parse(ref, &parsed, err) < 0) {
		err->kind = ERROR_DOCKERFILE;
		return error_wrap(err, "failed to parse image name \"%s\"",
				  ref);
	}
	name = reference_format(&parsed, err);
	if (!name)
		return -1;
	if (asprintf(&label, "[internal] load metadata for %s", name) < 0)
		return error_nomem(err, "resolving an image");
	step = progress_add(r->progress, label);
	progress_start(r->progress, step);
	rc = resolve(r, &parsed, name, platform, ret, err);
	progress_end(r->progress, step, rc < 0 ? PROGRESS_ERROR : PROGRESS_DONE,
		     rc < 0 ? "cannot resolve the image" : NULL);
	return rc;
}
