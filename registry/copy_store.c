/* The store as both ends of a copy. */
#include <string.h>

#include "registry/copy.h"
#include "store/blob.h"
#include "store/import_source.h"
#include "store/names.h"

/* ---- from ---- */

struct store_source {
	struct copy_source base;
	struct batch *batch;
};

static void source_free(struct copy_source *base)
{
	descriptor_release(&base->root);
	free(base);
}

static int source_manifest(struct copy_source *base, const struct descriptor *d,
			   struct buf *ret, struct error *err)
{
	struct store_source *s = (struct store_source *)base;

	return blob_read(batch_store(s->batch), s->batch, &d->digest,
			 MANIFEST_MAX, ret, err);
}

static int source_blob(struct copy_source *base, const struct descriptor *d,
		       struct stream **ret, struct error *err)
{
	struct store_source *s = (struct store_source *)base;
	int fd = blob_open(batch_store(s->batch), s->batch, &d->digest, NULL,
			   err);

	return fd < 0 ? -1 : stream_from_fd(fd, true, 0, UINT64_MAX, ret, err);
}

int copy_from_store(struct batch *b, const struct descriptor *root,
		    struct copy_source **ret, struct error *err)
{
	struct store_source *s = calloc(1, sizeof(*s));
	AUTO(copy_source_free) struct copy_source *owned = NULL;

	if (!s)
		return error_nomem(err, "copying an image");
	owned = &s->base;
	s->base.manifest = source_manifest;
	s->base.blob = source_blob;
	s->base.free = source_free;
	s->batch = b;
	if (descriptor_copy(root, &s->base.root, err) < 0)
		return -1;
	*ret = steal_pointer(&owned);
	return 0;
}

/* ---- to ---- */

struct store_dest {
	struct copy_target base;
	struct batch *batch;
	char *name;
};

static void dest_free(struct copy_target *base)
{
	struct store_dest *to = (struct store_dest *)base;

	free(to->name);
	free(to);
}

static int dest_blob(struct copy_target *base, struct copy_source *from,
		     const struct descriptor *d, struct error *err)
{
	struct store_dest *to = (struct store_dest *)base;
	AUTO(blob_writer_free) struct blob_writer *w = NULL;
	AUTO(stream_free) struct stream *raw = NULL;

	if (blob_exists(batch_store(to->batch), to->batch, &d->digest))
		return 0;
	if (from->blob(from, d, &raw, err) < 0 ||
	    blob_writer_new(to->batch, &w, err) < 0 ||
	    stream_copy(raw, blob_writer_sink(w), err) < 0)
		return -1;
	return blob_writer_commit(w, &d->digest, d->size, NULL, NULL, err);
}

static int dest_manifest(struct copy_target *base, const struct descriptor *d,
			 const struct buf *text, bool is_root,
			 struct error *err)
{
	struct store_dest *to = (struct store_dest *)base;

	(void)d;
	(void)is_root;
	return blob_put(to->batch, text->data, text->len, NULL, err);
}

/* All of it has been copied. */
static int adopt(struct import_source *s, const struct digest *digest,
		 struct error *err)
{
	if (blob_exists(batch_store(s->batch), s->batch, digest))
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "there is no blob %s",
			 digest->text);
}

static int dest_finish(struct copy_target *base, const struct descriptor *root,
		       const struct buf *text, struct error *err)
{
	struct store_dest *to = (struct store_dest *)base;
	struct import_source s = { .batch = to->batch, .adopt = adopt };
	AUTO(image_free) struct image *image = NULL;

	(void)text;
	if (import_descriptor(&s, root, NULL, &image, err) < 0)
		return -1;
	return name_set(to->batch, to->name, &image->id, &root->digest, err);
}

int copy_to_store(struct batch *b, const char *name, struct copy_target **ret,
		  struct error *err)
{
	struct store_dest *to = calloc(1, sizeof(*to));

	if (!to)
		return error_nomem(err, "copying an image");
	to->base.blob = dest_blob;
	to->base.manifest = dest_manifest;
	to->base.finish = dest_finish;
	to->base.free = dest_free;
	to->batch = b;
	to->name = strdup(name);
	if (!to->name) {
		free(to);
		return error_nomem(err, "copying an image");
	}
	*ret = &to->base;
	return 0;
}
