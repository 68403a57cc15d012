/*
 * An archive may come through a pipe and hold its parts in any order, so it is
 * read once from front to back: every file in it becomes a file of the batch's
 * folder, found later by its name or by its digest. What turns out to be part
 * of an image is adopted as a blob; the rest goes with the folder.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/map.h"
#include "store/base/path.h"
#include "store/blob.h"
#include "store/import_source.h"
#include "store/tar.h"

#define MEMBERS_MAX    20000
#define LINKS_MAX      8
#define DOCKER_DOC_MAX ((size_t)4 << 20)

/* A file or a link of the archive. */
struct member {
	char *name; /* in the batch's folder; NULL for a link */
	char *link; /* path in the archive that it leads to */
	struct digest digest;
	uint64_t size_bytes;
};

struct archive {
	struct import_source source; /* first */
	struct map *by_path;	     /* owns the members */
	struct map *by_digest;
};

static void member_free(void *value)
{
	struct member *m = value;

	if (!m)
		return;
	free(m->name);
	free(m->link);
	free(m);
}
DEFINE_CLEANUP(struct member *, member_free);

static void archive_release(struct archive *a)
{
	map_free(a->by_digest);
	map_free(a->by_path);
}
DEFINE_RELEASE(struct archive, archive_release);

static int add_member(struct archive *a, const char *path, struct member *m,
		      struct error *err)
{
	struct member *older = map_get(a->by_path, path, strlen(path));

	if (map_len(a->by_path) >= MEMBERS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "it has more than %d members", MEMBERS_MAX);
	/* Two readers could disagree on which of two counts. */
	if (older)
		return error_set(err, ERROR_REFUSED, "it has '%s' twice", path);
	if (map_put(a->by_path, path, strlen(path), m) < 0)
		return error_nomem(err, "reading an archive");
	return 0;
}

/* Copy a member's bytes to the folder. */
static int store_file(struct archive *a, struct stream *contents,
		      struct member *m, struct error *err)
{
	AUTO(sink_free) struct sink *hash = NULL, *file = NULL, *both = NULL;
	struct batch *b = a->source.batch;
	autoclose int fd = -1;

	m->name = batch_fresh_name(b, "member", err);
	if (!m->name)
		return -1;
	fd = openat(batch_fd(b), m->name,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s/%s'",
				 batch_path(b), m->name);
	if (sink_hash(&hash, err) < 0 ||
	    sink_to_fd(fd, m->name, &file, err) < 0 ||
	    sink_tee(hash, file, &both, err) < 0 ||
	    stream_copy(contents, both, err) < 0)
		return -1;
	sink_hash_result(hash, &m->digest, &m->size_bytes);
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%s/%s'",
				 batch_path(b), m->name);
	return 0;
}

/* Where a link leads, as a path of the archive. */
static char *link_target(const struct entry *e)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	if (e->type == ENTRY_SYMLINK && e->link[0] != '/') {
		const char *base = path_base(e->path);

		buf_append(&path, e->path, (size_t)(base - e->path));
	}
	buf_append_str(&path, e->link);
	return path.failed ? NULL : path_clean_rooted(path.data);
}

static int read_member(struct archive *a, const struct entry *e,
		       struct stream *contents, struct error *err)
{
	AUTO(member_free) struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return error_nomem(err, "reading an archive");
	if (e->type == ENTRY_FILE) {
		if (store_file(a, contents, m, err) < 0)
			return -1;
	} else if (e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK) {
		m->link = link_target(e);
		if (!m->link)
			return error_nomem(err, "reading an archive");
	} else {
		return 0; /* folders; nobody needs anything else */
	}
	if (add_member(a, e->path, m, err) < 0)
		return -1;
	if (m->name && map_put(a->by_digest, m->digest.text,
			       strlen(m->digest.text), m) < 0) {
		m = NULL; /* owned by the other map */
		return error_nomem(err, "reading an archive");
	}
	m = NULL;
	return 0;
}

static int read_members(struct archive *a, int fd, struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *tar = NULL;
	const struct entry *e;
	struct stream *contents;
	int more;

	if (tar_reader_open(fd, &tar, err) < 0)
		return -1;
	while ((more = tar_reader_next(tar, &e, &contents, err)) > 0)
		if (read_member(a, e, contents, err) < 0)
			return -1;
	/* To the end, so that a compressed archive proves to be whole. */
	return more < 0 ? -1 : tar_reader_drain(tar, err);
}

/* The file at `path`, links followed; NULL when there is none. */
static const struct member *find_path(const struct archive *a, const char *path)
{
	const struct member *m = map_get(a->by_path, path, strlen(path));
	int links;

	for (links = 0; m && m->link && links < LINKS_MAX; links++)
		m = map_get(a->by_path, m->link, strlen(m->link));
	return m && !m->link ? m : NULL;
}

static int adopt_member(struct import_source *source,
			const struct digest *digest, struct error *err)
{
	struct archive *a = (struct archive *)source;
	const struct member *m =
		map_get(a->by_digest, digest->text, strlen(digest->text));

	if (blob_exists(batch_store(source->batch), source->batch, digest))
		return 0;
	if (!m)
		return error_set(err, ERROR_NOT_FOUND,
				 "the archive lacks the blob '%s', or holds "
				 "other bytes under its name",
				 digest->text);
	return blob_adopt(source->batch, m->name, digest, err);
}

/* Docker's list of images, or NULL when the archive has none. */
static int read_docker_list(struct archive *a, json_t **ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	const struct member *m = find_path(a, "manifest.json");

	*ret = NULL;
	if (!m)
		return 0;
	if (io_read_file(batch_fd(a->source.batch), m->name, DOCKER_DOC_MAX,
			 &text, err) < 0)
		return -1;
	*ret = json_parse(text.data, text.len, "manifest.json", err);
	return *ret ? 0 : -1;
}

static int tell_name(struct strv *names, const char *reference,
		     const struct image *img, struct error *err)
{
	char *item;

	if (!names)
		return 0;
	if (asprintf(&item, "%s=%s", reference ? reference : "", img->id.text) <
	    0)
		item = NULL;
	strv_take(names, item);
	return strv_check(names, "importing an image", err);
}

/* Media type by the first bytes: docker's list of layers names none. */
static const char *sniff_type(struct archive *a, const struct member *m)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b },
				   zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	autoclose int fd = openat(batch_fd(a->source.batch), m->name,
				  O_RDONLY | O_CLOEXEC);
	enum compression_kind kind = COMPRESSION_NONE;
	char head[4] = { 0 };
	struct error ignored;

	if (fd >= 0 && io_read(fd, head, sizeof(head), m->name, &ignored) > 0) {
		if (!memcmp(head, gzip, sizeof(gzip)))
			kind = COMPRESSION_GZIP;
		else if (!memcmp(head, zstd, sizeof(zstd)))
			kind = COMPRESSION_ZSTD;
	}
	return media_type_for_layer(kind, false);
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
static const struct member *docker_file(struct archive *a, const char *path,
					struct error *err)
{
	autofree char *clean = path ? path_clean_rooted(path) : NULL;
	const struct member *m = clean ? find_path(a, clean) : NULL;

	if (!m)
		error_set(err, ERROR_INTEGRITY,
			  "manifest.json names '%s', which is not in the "
			  "archive",
			  path ? path : "(nothing)");
	return m;
}

static int describe_docker_layer(struct archive *a, const char *path,
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

static int describe_docker_image(struct archive *a, struct docker_image *d,
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

static int import_docker_image(struct archive *a, const json_t *entry,
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
		if (tell_name(names, tags.items[i], img, err) < 0)
			return -1;
	return tags.len ? 0 : tell_name(names, NULL, img, err);
}

static int import_docker(struct archive *a, const json_t *list,
			 struct strv *names, struct error *err)
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

/* docker's name for the image whose config is `id`, for an index without. */
static const char *docker_tag(const json_t *list, const struct image *img)
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

static int import_oci_entry(struct archive *a, const struct descriptor *d,
			    const struct platform *want, const json_t *docker,
			    struct strv *names, struct error *err)
{
	AUTO(image_free) struct image *img = NULL;
	const char *name = import_reference(d);

	if (import_descriptor(&a->source, d, want, &img, err) < 0)
		return -1;
	return tell_name(names, name ? name : docker_tag(docker, img), img,
			 err);
}

static int import_oci(struct archive *a, const struct member *file,
		      const struct platform *want, const json_t *docker,
		      struct strv *names, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *index = NULL;
	autofree size_t *chosen = NULL;
	size_t n, i;

	if (io_read_file(batch_fd(a->source.batch), file->name, MANIFEST_MAX,
			 &text, err) < 0 ||
	    manifest_parse(text.data, text.len, NULL, &index, err) < 0)
		return error_wrap(err, "index.json");
	chosen = calloc(index->n_items + 1, sizeof(*chosen));
	if (!chosen)
		return error_nomem(err, "importing an image");
	n = index->is_index ? import_choose(index, want, chosen) : 0;
	if (!n)
		return error_set(err, ERROR_NOT_FOUND,
				 "the archive has no image for this platform");
	for (i = 0; i < n; i++)
		if (import_oci_entry(a, &index->items[chosen[i]], want, docker,
				     names, err) < 0)
			return -1;
	return 0;
}

/* Newer docker writes both forms into one archive; OCI's says more. */
static int import_members(struct archive *a, const struct platform *want,
			  struct strv *names, struct error *err)
{
	AUTO(json_decref) json_t *docker = NULL;
	const struct member *index = find_path(a, "index.json");

	if (read_docker_list(a, &docker, err) < 0)
		return -1;
	if (index)
		return import_oci(a, index, want, docker, names, err);
	if (docker)
		return import_docker(a, docker, names, err);
	if (find_path(a, "repositories"))
		return error_set(err, ERROR_REFUSED,
				 "it is in the form docker wrote before 1.10: "
				 "load and save it again with a current tool");
	return error_set(err, ERROR_REFUSED,
			 "it is neither an OCI nor a docker image archive");
}

int import_archive(struct batch *b, int fd, const struct platform *want,
		   struct strv *names, struct error *err)
{
	AUTO(archive_release)
	struct archive a = {
		.source = { .batch = b, .adopt = adopt_member },
		.by_path = map_new(member_free),
		.by_digest = map_new(NULL),
	};

	if (!a.by_path || !a.by_digest)
		return error_nomem(err, "reading an archive");
	if (read_members(&a, fd, err) < 0 ||
	    import_members(&a, want, names, err) < 0)
		return error_wrap(err, "reading the archive");
	return 0;
}
