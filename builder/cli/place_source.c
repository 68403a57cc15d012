#include "builder/cli/place_source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/blob.h"
#include "store/import.h"
#include "store/layout_unpack.h"

/* An image of the store with all its blobs there. */
static int from_image(struct session *s, struct image *image,
		      struct copy_source **ret, struct error *err)
{
	const struct layer_format format = {
		.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT },
		.docker = image_came_as_docker(s->batch, image),
	};
	AUTO(descriptor_release) struct descriptor root = { 0 };

	if (image_manifest(s->batch, image, &format, true, NULL, &root, err) <
	    0)
		return -1;
	return copy_from_store(s->batch, &root, ret, err);
}

static int from_store(struct session *s, const char *name,
		      struct copy_source **ret, struct error *err)
{
	AUTO(image_free) struct image *image = NULL;

	if (session_open_image(s, name, &image, err) < 0)
		return -1;
	return from_image(s, image, ret, err);
}

/* Is "REFERENCE=sha256:ID" the image `full`? Archives shorten references. */
static bool is_wanted(const char *found, const char *full)
{
	autofree char *text = strndup(found, strcspn(found, "="));
	autofree char *name = NULL;
	struct error ignored = ERROR_INIT;

	name = text && *text ? session_name(text, &ignored) : NULL;
	return name && !strcmp(name, full);
}

/*
 * Docker's archives without an index: what they hold has no manifest yet.
 * `name` is a full reference or NULL.
 */
static int from_docker_archive(struct session *s, int fd, const char *name,
			       struct copy_source **ret, struct error *err)
{
	AUTO(strv_release) struct strv found = STRV_INIT;
	AUTO(image_free) struct image *image = NULL;
	const char *wanted = NULL;
	struct digest id;
	size_t i;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_USAGE,
				 "an archive of this kind cannot be read from "
				 "a pipe; use `shale load`");
	if (import_archive(s->batch, fd, NULL, &found, err) < 0)
		return -1;
	for (i = 0; i < found.len; i++)
		if (!name || is_wanted(found.items[i], name))
			wanted = found.items[i];
	if (!wanted || (!name && found.len > 1))
		return error_set(err, ERROR_NOT_FOUND,
				 "it has %zu images; name one as it does",
				 found.len);
	if (digest_parse(strrchr(wanted, '=') + 1, &id, err) < 0 ||
	    image_open(s->batch, &id, &image, err) < 0)
		return -1;
	return from_image(s, image, ret, err);
}

static int unpack(struct session *s, int fd, char **ret, struct error *err)
{
	autofree char *name = batch_fresh_name(s->batch, "layout", err);
	autofree char *path = NULL;
	autoclose int dir = -1;

	if (!name)
		return -1;
	if (asprintf(&path, "%s/%s", batch_path(s->batch), name) < 0) {
		path = NULL;
		return error_nomem(err, "reading an archive");
	}
	if (mkdir(path, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (layout_unpack(fd, dir, err) < 0)
		return -1;
	*ret = steal_pointer(&path);
	return 0;
}

static int from_archive(struct session *s, const struct place *p,
			struct copy_source **ret, struct error *err)
{
	bool docker = p->kind == PLACE_DOCKER_ARCHIVE;
	autofree char *dir = NULL, *index = NULL, *full = NULL;
	bool is_stdin = !strcmp(p->path, "-");
	autoclose int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				    : open(p->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot read \"%s\"", p->path);
	if (docker && p->name) {
		full = session_name(p->name, err);
		if (!full)
			return -1;
	}
	if (unpack(s, fd, &dir, err) < 0)
		return error_wrap(err, "reading \"%s\"", p->path);
	if (asprintf(&index, "%s/index.json", dir) < 0) {
		index = NULL;
		return error_nomem(err, "reading an archive");
	}
	if (docker && access(index, F_OK) < 0)
		return from_docker_archive(s, fd, full, ret, err);
	return copy_from_layout(dir, docker ? full : p->name, ret, err);
}

static int from_registry(struct session *s, const char *name,
			 struct copy_source **ret, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };

	if (reference_parse(name, &ref, err) < 0)
		return -1;
	return copy_from_registry(s->registry, &ref, ret, err);
}

int place_source(struct session *s, const struct place *p,
		 struct copy_source **ret, struct error *err)
{
	switch (p->kind) {
	case PLACE_REGISTRY:
		return from_registry(s, p->name, ret, err);
	case PLACE_STORE:
		return from_store(s, p->name, ret, err);
	case PLACE_LAYOUT:
		return copy_from_layout(p->path, p->name, ret, err);
	default:
		return from_archive(s, p, ret, err);
	}
}
