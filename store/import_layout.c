#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/blob.h"
#include "store/import_source.h"

/* A layout directory; links in it lead nowhere but into it. */
struct layout_source {
	struct import_source source; /* first */
	int dir;
};

static void layout_release(struct layout_source *s)
{
	if (s->dir >= 0)
		close(s->dir);
}
DEFINE_RELEASE(struct layout_source, layout_release);

/* Only a regular file: a FIFO or device would stall us. */
static int open_file(const struct layout_source *s, const char *path,
		     struct error *err)
{
	autoclose int fd =
		confined_open(s->dir, path, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat st;

	if (fd < 0) {
		if (err->sys == ENOENT)
			err->kind = ERROR_NOT_FOUND;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_REFUSED, "'%s' is no regular file",
				 path);
	return steal_fd(&fd);
}

static int adopt_file(struct import_source *source, const struct digest *digest,
		      struct error *err)
{
	struct layout_source *s = (struct layout_source *)source;
	AUTO(blob_writer_free) struct blob_writer *w = NULL;
	AUTO(stream_free) struct stream *from = NULL;
	char path[sizeof("blobs/sha256/") + DIGEST_HEX_LEN];
	int fd;

	if (blob_exists(batch_store(source->batch), source->batch, digest))
		return 0;
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest));
	fd = open_file(s, path, err);
	if (fd < 0)
		return -1;
	if (stream_from_fd(fd, true, 0, UINT64_MAX, &from, err) < 0) {
		close(fd);
		return -1;
	}
	if (blob_writer_new(source->batch, &w, err) < 0 ||
	    stream_copy(from, blob_writer_sink(w), err) < 0)
		return -1;
	return blob_writer_commit(w, digest, -1, NULL, NULL, err);
}

static int read_index(const struct layout_source *s, struct manifest **ret,
		      struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	autoclose int fd = open_file(s, "index.json", err);

	if (fd < 0)
		return -1;
	if (io_read_all(fd, MANIFEST_MAX, "index.json", &text, err) < 0 ||
	    manifest_parse(text.data, text.len, NULL, ret, err) < 0)
		return -1;
	if ((*ret)->is_index)
		return 0;
	manifest_free(steal_pointer(ret));
	return error_set(err, ERROR_INTEGRITY, "index.json is no index");
}

/* Does the entry go by the reference, tag or digest `ref`? */
static bool is_named(const struct descriptor *d, const char *ref)
{
	static const char *const notes[] = {
		"org.opencontainers.image.ref.name", "io.containerd.image.name"
	};
	size_t i;

	if (!strcmp(d->digest.text, ref))
		return true;
	for (i = 0; i < ARRAY_LEN(notes); i++) {
		const char *name = json_get_string(d->annotations, notes[i]);

		if (name && !strcmp(name, ref))
			return true;
	}
	return false;
}

/* The entry that `ref` (or nothing) names. */
static const struct descriptor *find_entry(const struct manifest *index,
					   const char *ref,
					   const struct platform *want)
{
	autofree size_t *chosen = calloc(index->n_items + 1, sizeof(*chosen));
	size_t n = chosen ? import_choose(index, want, chosen) : 0, i;

	for (i = 0; ref && i < n; i++)
		if (is_named(&index->items[chosen[i]], ref))
			return &index->items[chosen[i]];
	return !ref && n == 1 ? &index->items[chosen[0]] : NULL;
}

static int import_entry(struct layout_source *s, const char *ref,
			const struct platform *want, struct image **ret,
			struct error *err)
{
	AUTO(manifest_free) struct manifest *index = NULL;
	const struct descriptor *d;

	if (read_index(s, &index, err) < 0)
		return -1;
	d = find_entry(index, ref, want);
	if (d)
		return import_descriptor(&s->source, d, want, ret, err);
	if (ref)
		return error_set(err, ERROR_NOT_FOUND,
				 "it has no image '%s' for this platform", ref);
	return error_set(err, ERROR_NOT_FOUND,
			 "it has no image, or several: give a tag or digest");
}

int import_layout(struct batch *b, const char *dir, const char *ref,
		  const struct platform *want, struct image **ret,
		  struct error *err)
{
	AUTO(layout_release)
	struct layout_source s = {
		.source = { .batch = b, .adopt = adopt_file },
	};

	s.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.dir < 0)
		return error_sys(err, errno, "cannot open '%s'", dir);
	if (import_entry(&s, ref, want, ret, err) < 0)
		return error_wrap(err, "OCI layout '%s'", dir);
	return 0;
}
