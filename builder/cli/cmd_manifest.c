/* Indexes of images for several platforms: made here, pushed as one. */
#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/output.h"
#include "builder/cli/session_step.h"
#include "registry/reference.h"
#include "store/image_list.h"
#include "store/manifest.h"

/* ---- create ---- */

/* One image of a registry; its manifest and config come, its layers do not. */
static int add_pulled(struct session *s, const struct reference *repository,
		      const struct digest *digest, struct image_list *l,
		      struct error *err)
{
	const struct platform any = platform_host();
	const struct reference ref = { .domain = repository->domain,
				       .path = repository->path,
				       .digest = *digest };
	AUTO(image_free) struct image *image = NULL;

	if (registry_pull(s->registry, s->batch, &ref, &any, &image, err) < 0)
		return -1;
	return image_list_add(l, &image->id, &image->manifest, err);
}

/* Attestations stand for no platform; they speak of the index they are in. */
static bool is_no_image(const struct descriptor *d)
{
	return d->has_platform && !strcmp(d->platform.os, "unknown");
}

/* What the registry has there, every image of an index. */
static int add_remote(struct session *s, const char *text, struct image_list *l,
		      struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	AUTO(manifest_free) struct manifest *m = NULL;
	AUTO(buf_release) struct buf data = BUF_INIT;
	autofree char *media_type = NULL;
	struct digest digest;

	if (reference_parse(text, &ref, err) < 0 ||
	    registry_get_manifest(s->registry, &ref, &data, &media_type,
				  &digest, err) < 0 ||
	    manifest_parse(data.data ? data.data : "", data.len, media_type, &m,
			   err) < 0)
		return -1;
	if (!m->is_index)
		return add_pulled(s, &ref, &digest, l, err);
	for (size_t i = 0; i < m->n_items; i++)
		if (!is_no_image(&m->items[i]) &&
		    add_pulled(s, &ref, &m->items[i].digest, l, err) < 0)
			return -1;
	return 0;
}

/* A local image, or with "docker://", or when there is none, a registry's. */
static int add_source(struct session *s, const char *text, struct image_list *l,
		      struct error *err)
{
	static const char remote[] = "docker://";
	AUTO(image_free) struct image *image = NULL;

	if (!strncmp(text, remote, strlen(remote)))
		return add_remote(s, text + strlen(remote), l, err);
	if (session_open_image(s, text, &image, err) == 0)
		return image_list_add(l, &image->id, &image->manifest, err);
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	return add_remote(s, text, l, err);
}

/* An index with two images for one platform would always give the first. */
static int check_platforms(struct image *const *images, size_t n,
			   struct error *err)
{
	char name[PLATFORM_TEXT_SIZE], other[PLATFORM_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		struct platform p, q;

		if (image_config_platform(images[i]->config, &p, err) < 0)
			return -1;
		platform_format(&p, name);
		for (size_t j = 0; j < i; j++) {
			if (image_config_platform(images[j]->config, &q, err) <
			    0)
				return -1;
			if (!strcmp(platform_format(&q, other), name))
				return error_set(err, ERROR_USAGE,
						 "two images are for %s", name);
		}
	}
	return 0;
}

/* The images of a list, open. */
struct opened {
	struct image **images;
	size_t n;
};

static void opened_release(struct opened *o)
{
	for (size_t i = 0; i < o->n; i++)
		image_free(o->images[i]);
	free(o->images);
}
DEFINE_RELEASE(struct opened, opened_release);

static int open_list(struct session *s, const struct image_list *l,
		     struct opened *ret, struct error *err)
{
	ret->images = calloc(l->n + 1, sizeof(struct image *));
	if (!ret->images)
		return error_nomem(err, "opening images");
	for (; ret->n < l->n; ret->n++) {
		const struct image_list_item *item = &l->items[ret->n];

		if (image_open(s->batch, &item->image, &ret->images[ret->n],
			       err) < 0)
			return -1;
		ret->images[ret->n]->manifest = item->manifest;
	}
	return check_platforms(ret->images, ret->n, err);
}

static int create(struct session *s, const struct strv *words,
		  struct error *err)
{
	autofree char *name = session_name(words->items[1], err);
	AUTO(image_list_release) struct image_list l = { 0 };
	AUTO(opened_release) struct opened o = { 0 };

	if (!name)
		return -1;
	for (size_t i = 2; i < words->len; i++)
		if (add_source(s, words->items[i], &l, err) < 0)
			return error_wrap(err, "\"%s\"", words->items[i]);
	if (open_list(s, &l, &o, err) < 0 ||
	    image_list_set(s->batch, name, &l, err) < 0 ||
	    batch_publish(s->batch, err) < 0)
		return -1;
	printf("%s\n", name);
	return 0;
}

/* ---- push and rm ---- */

static int push_list(struct session *s, const char *name, const char *dest,
		     struct digest *digest, struct error *err)
{
	static const struct layer_format format = {
		.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT }
	};
	AUTO(image_list_release) struct image_list l = { 0 };
	AUTO(opened_release) struct opened o = { 0 };
	AUTO(strv_release) struct strv names = STRV_INIT;

	strv_append(&names, dest);
	if (strv_check(&names, "pushing an index", err) < 0 ||
	    image_list_get(s->store, name, &l, err) < 0 ||
	    open_list(s, &l, &o, err) < 0)
		return -1;
	return output_push_index(s, o.images, o.n, &names, &format, NULL,
				 digest, err);
}

static int push(struct session *s, const struct strv *words, struct error *err)
{
	autofree char *name = session_name(words->items[1], err);
	autofree char *dest = session_name(words->items[words->len - 1], err);
	struct digest digest;
	int rc;

	if (!name || !dest)
		return -1;
	s->transfer_step = session_step_begin(s, "pushing", dest);
	rc = session_transfer_end(s, push_list(s, name, dest, &digest, err),
				  err);
	if (rc == 0)
		printf("%s\n", digest.text);
	return rc;
}

static int remove_list(struct session *s, const struct strv *words,
		       struct error *err)
{
	autofree char *name = session_name(words->items[1], err);

	return name ? image_list_remove(s->store, name, err) : -1;
}

/* ---- the command ---- */

static const struct action {
	const char *name;
	int (*run)(struct session *s, const struct strv *words,
		   struct error *err);
	size_t min_words, max_words; /* its own name among them */
} actions[] = {
	{ "create", create, 3, WORDS_ANY },
	{ "push", push, 2, 3 },
	{ "rm", remove_list, 2, 2 },
};

static const struct action *find_action(const struct strv *words,
					struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		const struct action *a = &actions[i];

		if (!strcmp(a->name, words->items[0]) &&
		    words->len >= a->min_words && words->len <= a->max_words)
			return a;
	}
	error_set(err, ERROR_USAGE,
		  "manifest takes create NAME IMAGE.., push NAME "
		  "[DESTINATION] or rm NAME");
	return NULL;
}

int cmd_manifest(int argc, char **argv, struct error *err)
{
	static const struct command_usage usage = {
		"manifest [OPTIONS] create NAME IMAGE..\n"
		"       shale manifest [OPTIONS] push NAME [DESTINATION]\n"
		"       shale manifest [OPTIONS] rm NAME\n\n"
		"An IMAGE is local, or in a registry (docker://NAME, or when "
		"there is no\nlocal one); of an index all its images are "
		"taken.",
		"manifest takes create, push or rm, and the name of a list", 2,
		WORDS_ANY
	};
	struct session_options options = { 0 };
	const struct option_spec specs[] = {
		{ "quiet", 'q', OPTION_BOOL, &options.quiet, NULL,
		  "print the result only" },
		SESSION_STORE_OPTIONS(options),
		SESSION_REGISTRY_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	const struct action *a;
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 &words, err);

	if (rc <= 0)
		return rc;
	a = find_action(&words, err);
	if (!a || session_open(&options, &s, err) < 0)
		return -1;
	return a->run(s, &words, err);
}
