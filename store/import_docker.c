#include "store/import_docker.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/path.h"

#define DOCKER_DOC_MAX ((size_t)4 << 20)

int import_docker_list(struct members *a, json_t **ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	const struct member *m = members_find(a, "manifest.json");

	*ret = NULL;
	if (!m)
		return 0;
	if (io_read_file(batch_fd(a->source.batch), m->name, DOCKER_DOC_MAX,
			 &text, err) < 0)
		return -1;
	*ret = json_parse(text.data, text.len, "manifest.json", err);
	return *ret ? 0 : -1;
}

const char *import_docker_tag(const json_t *list, const struct image *img)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		const char *config = json_get_string(entry, "Config");

		if (config && strstr(config, digest_hex(&img->id)))
			return json_string_value(json_array_get(
				json_object_get(entry, "RepoTags"), 0));
	}
	return NULL;
}

/* Media type by the first bytes: docker's list of layers names none. */
static const char *sniff_type(struct members *a, const struct member *m)
{
	autoclose int fd = openat(batch_fd(a->source.batch), m->name,
				  O_RDONLY | O_CLOEXEC);
	char head[4];
	struct error ignored;
	ssize_t n = fd < 0 ? -1
			   : io_read(fd, head, sizeof(head), m->name, &ignored);

	return media_type_for_layer(
		n < 0 ? COMPRESSION_NONE
		      : compression_of_magic(head, (size_t)n),
		false);
}

/* One image of docker's manifest.json. */
struct docker_image {
	const json_t *entry;
	struct descriptor *layers;
	size_t n;
	struct digest config;
};

static void docker_image_release(struct docker_image *d)
{
	size_t i;

	for (i = 0; d->layers && i < d->n; i++)
		descriptor_release(&d->layers[i]);
	free(d->layers);
}
DEFINE_RELEASE(struct docker_image, docker_image_release);

/* The file that docker's manifest.json calls `path`. */
static const struct member *docker_file(struct members *a, const char *path,
					struct error *err)
{
	autofree char *clean = path ? path_clean_rooted(path) : NULL;
	const struct member *m = clean ? members_find(a, clean) : NULL;

	if (!m)
		error_set(err, ERROR_INTEGRITY,
			  "manifest.json names '%s', which is not in the "
			  "archive",
			  path ? path : "(nothing)");
	return m;
}

static int describe_docker_layer(struct members *a, const char *path,
				 struct descriptor *ret, struct error *err)
{
	const struct member *m = docker_file(a, path, err);

	if (!m)
		return -1;
	ret->media_type = strdup(sniff_type(a, m));
	if (!ret->media_type)
		return error_nomem(err, "importing an image");
	ret->digest = m->digest;
	ret->size = (int64_t)m->size_bytes;
	return 0;
}

static int describe_docker_image(struct members *a, struct docker_image *d,
				 struct error *err)
{
	const json_t *layers = json_object_get(d->entry, "Layers");
	const struct member *config =
		docker_file(a, json_get_string(d->entry, "Config"), err);
	size_t i;

	if (!config)
		return -1;
	d->config = config->digest;
	d->n = json_array_size(layers);
	d->layers = calloc(d->n + 1, sizeof(*d->layers));
	if (!d->layers)
		return error_nomem(err, "importing an image");
	for (i = 0; i < d->n; i++)
		if (describe_docker_layer(
			    a, json_string_value(json_array_get(layers, i)),
			    &d->layers[i], err) < 0)
			return -1;
	return 0;
}

static int import_docker_image(struct members *a, const json_t *entry,
			       struct strv *names, struct error *err)
{
	AUTO(docker_image_release) struct docker_image d = { .entry = entry };
	AUTO(image_free) struct image *img = NULL;
	AUTO(strv_release) struct strv tags = STRV_INIT;
	size_t i;

	if (json_get_strings(entry, "RepoTags", &tags, err) < 0 ||
	    describe_docker_image(a, &d, err) < 0 ||
	    import_parts(&a->source, &d.config, d.layers, d.n, &img, err) < 0)
		return -1;
	for (i = 0; i < tags.len; i++)
		if (import_tell_name(names, tags.items[i], img, err) < 0)
			return -1;
	return tags.len ? 0 : import_tell_name(names, NULL, img, err);
}

int import_docker(struct members *a, const json_t *list, struct strv *names,
		  struct error *err)
{
	const json_t *entry;
	size_t i;

	if (!json_is_array(list) || !json_array_size(list))
		return error_set(err, ERROR_INTEGRITY,
				 "manifest.json lists no image");
	json_array_foreach(list, i, entry)
		if (import_docker_image(a, entry, names, err) < 0)
			return error_wrap(err, "image %zu of manifest.json",
					  i + 1);
	return 0;
}
