#include <fcntl.h>

#include "store/blob.h"
#include "store/import_source.h"
#include "store/layout_read.h"

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

static int adopt_file(struct import_source *source, const struct digest *digest,
		      struct error *err)
{
	struct layout_source *s = (struct layout_source *)source;
	AUTO(blob_writer_free) struct blob_writer *w = NULL;
	AUTO(stream_free) struct stream *from = NULL;
	int fd;

	if (blob_exists(batch_store(source->batch), source->batch, digest))
		return 0;
	fd = layout_open_blob(s->dir, digest, err);
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

/* The entry that `ref` (or nothing) names. */
static const struct descriptor *find_entry(const struct manifest *index,
					   const char *ref,
					   const struct platform *want)
{
	autofree size_t *chosen = calloc(index->n_items + 1, sizeof(*chosen));
	size_t n = chosen ? import_choose(index, want, chosen) : 0, i;

	for (i = 0; ref && i < n; i++)
		if (layout_is_named(&index->items[chosen[i]], ref))
			return &index->items[chosen[i]];
	return !ref && n == 1 ? &index->items[chosen[0]] : NULL;
}

static int import_entry(struct layout_source *s, const char *ref,
			const struct platform *want, struct image **ret,
			struct error *err)
{
	AUTO(manifest_free) struct manifest *index = NULL;
	const struct descriptor *d;

	if (layout_read_index(s->dir, &index, err) < 0)
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
