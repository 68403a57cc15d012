/* Caches coming from and going to registries and directories. */
#include <fcntl.h>
#include <string.h>

#include "builder/cli/cache_option.h"
#include "builder/cli/session_step.h"
#include "registry/reference.h"
#include "store/base/io.h"
#include "store/export.h"

/* Layouts know tags as parts of names. */
#define LAYOUT_NAME "localhost/cache"

static const char *place_of(const struct cache_option *o)
{
	return o->kind == CACHE_LOCAL ? o->dir : o->ref;
}

/* Transfers belong to it. */
static unsigned begin(struct session *s, const char *what,
		      const struct cache_option *o)
{
	s->transfer_step = session_step_begin(s, what, place_of(o));
	return s->transfer_step;
}

static int get_image(struct session *s, const struct cache_option *o,
		     const struct platform *platform, struct image **ret,
		     struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };

	if (o->kind == CACHE_LOCAL)
		return import_layout(s->batch, o->dir,
				     o->tag ? o->tag : "latest", platform, ret,
				     err);
	if (reference_parse(o->ref, &ref, err) < 0)
		return -1;
	return registry_pull(s->registry, s->batch, &ref, platform, ret, err);
}

static int import_one(struct session *s, const struct cache_option *o,
		      const struct platform *platform, unsigned *n,
		      struct error *err)
{
	AUTO(image_free) struct image *img = NULL;

	if (get_image(s, o, platform, &img, err) < 0)
		return -1;
	return cache_image_import(s->batch, img, n, err);
}

/* A cache never fails a build: what is wrong with it is told. */
static int import_or_tell(struct session *s, const struct cache_option *o,
			  const struct platform *platform, struct error *err)
{
	struct error problem = ERROR_INIT;
	unsigned n = 0, step = begin(s, "importing cache from", o);
	autofree char *line = NULL;
	int rc = import_one(s, o, platform, &n, &problem);

	if (asprintf(&line, "%u results", n) < 0)
		line = NULL;
	session_step_end(s, step, rc, &problem, line);
	if (rc == 0 || session_can_do_without(&problem))
		return 0;
	*err = problem;
	return -1;
}

int cache_options_import(struct session *s, const struct cache_options *o,
			 const struct platform *platform, struct error *err)
{
	for (size_t i = 0; i < o->len; i++)
		if (import_or_tell(s, &o->items[i], platform, err) < 0)
			return -1;
	return 0;
}

static int push_cache(struct session *s, const struct cache_option *o,
		      struct image *img, struct error *err)
{
	AUTO(descriptor_release) struct descriptor manifest = { 0 };
	AUTO(reference_release) struct reference ref = { 0 };

	if (reference_parse(o->ref, &ref, err) < 0 ||
	    image_manifest(s->batch, img, &o->format, false, NULL, &manifest,
			   err) < 0)
		return -1;
	return registry_push(s->registry, s->batch, &manifest, &ref, err);
}

/* What an earlier export left; what else is there stays. */
static int reset_layout(const char *dir, struct error *err)
{
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : error_sys(err, errno, "cannot open '%s'", dir);
	if (io_remove_tree(fd, "index.json", err) < 0)
		return -1;
	return io_remove_tree(fd, "blobs", err);
}

static int write_layout(struct session *s, const struct cache_option *o,
			struct image *img, struct error *err)
{
	autofree char *name = NULL;
	const char *names[2] = { 0 };
	struct export_image item = { .image = img, .names = names };
	struct export_target to = { .fd = -1, .dir = o->dir };

	if (asprintf(&name, LAYOUT_NAME ":%s", o->tag ? o->tag : "latest") <
	    0) {
		name = NULL;
		return error_nomem(err, "exporting the build cache");
	}
	if (o->reset && reset_layout(o->dir, err) < 0)
		return -1;
	names[0] = name;
	return export_oci(s->batch, &item, 1, &o->format, false, NULL, &to,
			  NULL, err);
}

static int export_one(struct session *s, const struct cache_option *o,
		      const struct cache_entries *entries,
		      const struct platform *platform, struct error *err)
{
	AUTO(image_free) struct image *img = NULL;
	unsigned step = begin(s, "exporting cache to", o);
	int rc = cache_image_new(entries, o->all, platform, &img, err);

	if (rc == 0)
		rc = image_save(s->batch, img, &o->format, err);
	if (rc == 0)
		rc = o->kind == CACHE_LOCAL ? write_layout(s, o, img, err)
					    : push_cache(s, o, img, err);
	progress_end(s->progress, step, rc < 0 ? PROGRESS_ERROR : PROGRESS_DONE,
		     rc < 0 ? "failed" : NULL);
	return rc;
}

int cache_options_export(struct session *s, const struct cache_options *o,
			 const struct cache_entries *entries,
			 const struct platform *platform, struct error *err)
{
	for (size_t i = 0; i < o->len; i++) {
		const struct cache_option *to = &o->items[i];
		char text[sizeof(err->text)];

		if (to->kind == CACHE_INLINE ||
		    export_one(s, to, entries, platform, err) == 0)
			continue;
		if (!to->ignore_error || err->kind == ERROR_CANCELED)
			return error_wrap(err, "exporting the cache to %s",
					  place_of(to));
		progress_warn(s->progress,
			      error_message(err, text, sizeof(text)));
		error_clear(err);
	}
	/* Blobs made for it serve the next time. */
	return o->len ? batch_publish(s->batch, err) : 0;
}
