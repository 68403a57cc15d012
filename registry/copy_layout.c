/* OCI layouts as both ends of a copy; archives as where it goes. */
#include <fcntl.h>
#include <string.h>

#include "registry/copy.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/layout_index.h"
#include "store/layout_read.h"
#include "store/manifest.h"

/* ---- from ---- */

struct layout_source {
	struct copy_source base;
	int dir;
};

static void source_free(struct copy_source *base)
{
	struct layout_source *s = (struct layout_source *)base;

	descriptor_release(&base->root);
	if (s->dir >= 0)
		close(s->dir);
	free(s);
}

static int source_manifest(struct copy_source *base, const struct descriptor *d,
			   struct buf *ret, struct error *err)
{
	const struct layout_source *s = (const struct layout_source *)base;
	autoclose int fd = layout_open_blob(s->dir, &d->digest, err);

	return fd < 0 ? -1
		      : io_read_all(fd, MANIFEST_MAX, d->digest.text, ret, err);
}

static int source_blob(struct copy_source *base, const struct descriptor *d,
		       struct stream **ret, struct error *err)
{
	const struct layout_source *s = (const struct layout_source *)base;
	int fd = layout_open_blob(s->dir, &d->digest, err);

	return fd < 0 ? -1 : stream_from_fd(fd, true, 0, UINT64_MAX, ret, err);
}

static void list_names(const struct manifest *index, struct buf *out)
{
	for (size_t i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];
		const char *name = json_get_string(d->annotations, NOTE_REF);

		buf_printf(out, "%s%s", i ? ", " : "",
			   name ? name : d->digest.text);
	}
}

/* The entry that `name`, or nothing, means; the same twice is one. */
static const struct descriptor *find_entry(const struct manifest *index,
					   const char *name, struct error *err)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	const struct descriptor *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < index->n_items; i++) {
		const struct descriptor *d = &index->items[i];

		if (name && !layout_is_named(d, name))
			continue;
		if (!n || !digest_equal(&found->digest, &d->digest))
			n++;
		found = d;
	}
	if (n == 1)
		return found;
	if (!n && !name) {
		error_set(err, ERROR_NOT_FOUND, "it holds no image");
		return NULL;
	}
	list_names(index, &names);
	if (n)
		error_set(err, ERROR_USAGE,
			  "it holds several images; name one of: %.1000s",
			  names.data ? names.data : "");
	else
		error_set(err, ERROR_NOT_FOUND,
			  "it has no image '%s', only: %.1000s", name,
			  names.data ? names.data : "none");
	return NULL;
}

static int find_root(struct layout_source *s, const char *name,
		     struct error *err)
{
	AUTO(manifest_free) struct manifest *index = NULL;
	const struct descriptor *d;

	if (layout_read_index(s->dir, &index, err) < 0)
		return -1;
	d = find_entry(index, name, err);
	if (!d || descriptor_copy(d, &s->base.root, err) < 0)
		return -1;
	/* How it is called here is nothing of its own. */
	json_decref(s->base.root.annotations);
	s->base.root.annotations = NULL;
	return 0;
}

int copy_from_layout(const char *dir, const char *name,
		     struct copy_source **ret, struct error *err)
{
	struct layout_source *s = calloc(1, sizeof(*s));
	AUTO(copy_source_free) struct copy_source *owned = NULL;

	if (!s)
		return error_nomem(err, "copying an image");
	owned = &s->base;
	s->base.manifest = source_manifest;
	s->base.blob = source_blob;
	s->base.free = source_free;
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return error_sys(err, errno, "cannot open '%s'", dir);
	if (find_root(s, name, err) < 0)
		return error_wrap(err, "OCI layout '%s'", dir);
	*ret = steal_pointer(&owned);
	return 0;
}

/* ---- to ---- */

struct layout_dest {
	struct copy_target base;
	struct layout *layout;
	char *name;
	bool docker;
};

static void dest_free(struct copy_target *base)
{
	struct layout_dest *to = (struct layout_dest *)base;

	layout_free(to->layout);
	free(to->name);
	free(to);
}

static int dest_blob(struct copy_target *base, struct copy_source *from,
		     const struct descriptor *d, struct error *err)
{
	struct layout_dest *to = (struct layout_dest *)base;
	struct stream *raw;

	if (layout_has_blob(to->layout, &d->digest, d->size))
		return 0;
	if (from->blob(from, d, &raw, err) < 0)
		return -1;
	return layout_put_stream(to->layout, &d->digest, d->size, raw, err);
}

static int dest_manifest(struct copy_target *base, const struct descriptor *d,
			 const struct buf *text, bool is_root,
			 struct error *err)
{
	struct layout_dest *to = (struct layout_dest *)base;
	struct stream *raw;

	(void)is_root;
	if (stream_from_memory(text->data, text->len, &raw, err) < 0)
		return -1;
	return layout_put_stream(to->layout, &d->digest, (int64_t)text->len,
				 raw, err);
}

static int put_index(struct layout_dest *to, const struct descriptor *root,
		     struct error *err)
{
	AUTO(json_decref) json_t *entries = json_array();
	AUTO(json_decref) json_t *notes = NULL;
	struct descriptor d = *root;

	if (to->name) {
		notes = json_pack("{s:s}",
				  to->docker ? NOTE_IMAGE_NAME : NOTE_REF,
				  to->name);
		if (!notes)
			return error_set(err, ERROR_USAGE,
					 "the name is not valid UTF-8");
		d.annotations = notes;
	}
	if (json_array_append_new(entries, descriptor_to_json(&d)) < 0)
		return error_nomem(err, "copying an image");
	return layout_put_index(to->layout, entries, err);
}

static int put_docker(struct layout_dest *to, const struct descriptor *root,
		      const struct buf *text, struct error *err)
{
	AUTO(manifest_free) struct manifest *m = NULL;
	AUTO(json_decref) json_t *list = json_array();
	const char *const names[] = { to->name, NULL };

	if (manifest_parse(text->data, text->len, root->media_type, &m, err) <
	    0)
		return -1;
	if (m->is_index)
		return error_set(err, ERROR_USAGE,
				 "docker's archives hold no indexes; choose a "
				 "platform");
	if (json_array_append_new(list, layout_docker_entry(m, names)) < 0)
		return error_nomem(err, "copying an image");
	return layout_put_docker_manifest(to->layout, list, err);
}

static int dest_finish(struct copy_target *base, const struct descriptor *root,
		       const struct buf *text, struct error *err)
{
	static const char version[] = LAYOUT_VERSION_TEXT;
	struct layout_dest *to = (struct layout_dest *)base;

	if (put_index(to, root, err) < 0 ||
	    (to->docker && put_docker(to, root, text, err) < 0) ||
	    layout_put_file(to->layout, "oci-layout", version, strlen(version),
			    err) < 0)
		return -1;
	return layout_finish(to->layout, err);
}

int copy_to_layout(struct layout *l, const char *name, bool docker,
		   struct copy_target **ret, struct error *err)
{
	struct layout_dest *to = calloc(1, sizeof(*to));
	AUTO(copy_target_free) struct copy_target *owned = NULL;

	if (!to) {
		layout_free(l);
		return error_nomem(err, "copying an image");
	}
	owned = &to->base;
	to->base.blob = dest_blob;
	to->base.manifest = dest_manifest;
	to->base.finish = dest_finish;
	to->base.free = dest_free;
	to->base.ordered = layout_dir_fd(l) < 0;
	to->layout = l;
	to->docker = docker;
	to->name = name ? strdup(name) : NULL;
	if (!to->name != !name)
		return error_nomem(err, "copying an image");
	*ret = steal_pointer(&owned);
	return 0;
}
