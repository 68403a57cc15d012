#include "builder/cli/mount_transfer.h"

#include <fcntl.h>
#include <string.h>

#include "builder/cli/session_step.h"
#include "registry/copy.h"
#include "registry/reference.h"
#include "store/base/io.h"
#include "store/manifest.h"
#include "store/mount_restore.h"
#include "store/mount_save.h"

/* Beside images and build caches in one layout. */
#define LAYOUT_TAG "cache-mounts"

#define PARALLEL_BLOBS 4

static const char *place_of(const struct cache_option *o)
{
	return o->kind == CACHE_LOCAL ? o->dir : o->ref;
}

static const char *tag_of(const struct cache_option *o)
{
	return o->tag ? o->tag : LAYOUT_TAG;
}

/* ---- reading a save ---- */

static int open_place(struct session *s, const struct cache_option *o,
		      struct copy_source **ret, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };

	if (o->kind == CACHE_LOCAL)
		return copy_from_layout(o->dir, tag_of(o), ret, err);
	if (reference_parse(o->ref, &ref, err) < 0)
		return -1;
	return copy_from_registry(s->registry, &ref, ret, err);
}

static int read_blob(struct copy_source *from, const struct descriptor *d,
		     struct buf *ret, struct error *err)
{
	AUTO(stream_free) struct stream *in = NULL;
	struct stream *raw;
	ssize_t n;

	if (from->blob(from, d, &raw, err) < 0 ||
	    stream_verify(raw, d->size, &d->digest, &raw, err) < 0 ||
	    stream_limit(raw, MOUNT_INDEX_MAX, "an index of cache mounts", &in,
			 err) < 0)
		return -1;
	do {
		char *room = buf_reserve(ret, 65536);

		if (!room)
			return buf_check(ret, "reading an index", err);
		n = stream_read(in, room, 65536, err);
		if (n > 0)
			buf_commit(ret, (size_t)n);
	} while (n > 0);
	return (int)n;
}

static int read_index(struct copy_source *from, struct mount_index *ret,
		      struct error *err)
{
	AUTO(manifest_free) struct manifest *m = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT, index = BUF_INIT;

	if (from->manifest(from, &from->root, &text, err) < 0 ||
	    buf_check(&text, "reading a manifest", err) < 0 ||
	    manifest_parse(text.data ? text.data : "", text.len,
			   from->root.media_type, &m, err) < 0)
		return -1;
	if (m->is_index || strcmp(m->config.media_type, MOUNT_INDEX_TYPE) != 0)
		return error_set(err, ERROR_REFUSED,
				 "what is there is something else than saved "
				 "cache mounts");
	if (read_blob(from, &m->config, &index, err) < 0)
		return -1;
	return mount_index_parse(index.data ? index.data : "", index.len, ret,
				 err);
}

/* ---- import ---- */

struct mount_import_source {
	struct copy_source *from;
	struct mount_restore *restore;
	const char *place;
};

static int get_pack(void *ctx, const struct descriptor *d, struct stream **ret,
		    struct error *err)
{
	struct copy_source *from = ctx;

	return from->blob(from, d, ret, err);
}

static int open_source(struct session *s, const struct cache_option *o,
		       struct mount_import_source *ret, struct error *err)
{
	AUTO(copy_source_free) struct copy_source *from = NULL;
	AUTO(mount_index_release) struct mount_index index = { 0 };
	struct mount_source packs = { .blob = get_pack };

	if (open_place(s, o, &from, err) < 0 ||
	    read_index(from, &index, err) < 0)
		return -1;
	packs.ctx = from;
	if (mount_restore_new(s->batch, &index, &packs, &ret->restore, err) < 0)
		return -1;
	ret->from = steal_pointer(&from);
	ret->place = place_of(o);
	return 0;
}

static int open_sources(struct mount_import *m, struct error *err)
{
	m->opened = true;
	m->sources = calloc(m->options->len, sizeof(*m->sources));
	if (!m->sources)
		return error_nomem(err, "importing cache mounts");
	for (size_t i = 0; i < m->options->len; i++) {
		const struct cache_option *o = &m->options->items[i];
		struct error problem = ERROR_INIT;
		unsigned step = session_step_begin(
			m->session, "importing cache mounts from", place_of(o));
		int rc =
			open_source(m->session, o, &m->sources[m->n], &problem);

		session_step_end(m->session, step, rc, &problem, NULL);
		if (rc == 0)
			m->n++;
		if (rc == 0 || session_can_do_without(&problem))
			continue;
		*err = problem;
		return -1;
	}
	return 0;
}

void mount_import_release(struct mount_import *m)
{
	for (size_t i = 0; i < m->n; i++) {
		mount_restore_free(m->sources[i].restore);
		copy_source_free(m->sources[i].from);
	}
	free(m->sources);
	pthread_mutex_destroy(&m->lock);
}

static int restore(struct mount_import_source *from, const char *id,
		   struct cache_mount *mount, struct error *err)
{
	int dir = open(cache_mount_path(mount),
		       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_sys(err, errno, "cannot open the cache '%s'", id);
	return mount_restore_into(from->restore, id, dir, err);
}

/* 1, 0 when this one has nothing, or nothing of use; or -1. */
static int try_source(struct mount_import *m, struct mount_import_source *from,
		      const char *id, struct cache_mount *mount,
		      struct error *err)
{
	struct error problem = ERROR_INIT;
	int rc = restore(from, id, mount, &problem);

	if (rc >= 0)
		return rc;
	if (!session_can_do_without(&problem)) {
		*err = problem;
		return -1;
	}
	error_wrap(&problem, "importing cache mounts from %s", from->place);
	session_warn(m->session, &problem);
	return cache_mount_clear(mount, err);
}

int mount_import_seed(void *ctx, const char *id, struct cache_mount *mount,
		      struct error *err)
{
	struct mount_import *m = ctx;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	if (!m->opened)
		rc = open_sources(m, err);
	pthread_mutex_unlock(&m->lock);
	for (size_t i = 0; i < m->n && rc == 0; i++)
		rc = try_source(m, &m->sources[i], id, mount, err);
	return rc;
}

/* ---- export ---- */

/* What is saved, as copy_image() takes it. */
struct save_source {
	struct copy_source base;
	struct mount_save *save;
	struct buf manifest;
};

static int save_manifest(struct copy_source *base, const struct descriptor *d,
			 struct buf *ret, struct error *err)
{
	const struct save_source *s = (const struct save_source *)base;

	(void)d; /* there is but one */
	(void)err;
	buf_append(ret, s->manifest.data, s->manifest.len);
	return 0;
}

static int save_blob(struct copy_source *base, const struct descriptor *d,
		     struct stream **ret, struct error *err)
{
	return mount_save_open(((struct save_source *)base)->save, &d->digest,
			       ret, err);
}

static void save_source_release(struct save_source *s)
{
	descriptor_release(&s->base.root);
	mount_save_free(s->save);
	buf_release(&s->manifest);
}
DEFINE_RELEASE(struct save_source, save_source_release);

/* What the destination has: nothing, if nothing or something damaged. */
static int read_before(struct session *s, const struct cache_option *o,
		       struct mount_index *index, struct digest *root,
		       struct error *err)
{
	AUTO(copy_source_free) struct copy_source *from = NULL;
	struct error problem = ERROR_INIT;

	if (open_place(s, o, &from, &problem) == 0 &&
	    read_index(from, index, &problem) == 0) {
		*root = from->root.digest;
		return 0;
	}
	if (problem.kind == ERROR_NOT_FOUND ||
	    problem.kind == ERROR_INTEGRITY ||
	    (problem.kind == ERROR_SYSTEM && problem.sys == ENOENT))
		return 0;
	*err = problem;
	return -1;
}

static void tell_waiting(void *ctx)
{
	struct session *s = ctx;

	progress_message(s->progress, s->transfer_step,
			 "waiting for a cache mount that a build is using");
}

/* A mount that this store does not have is left as it was saved. */
static int add_mount(struct session *s, struct mount_save *save, const char *id,
		     struct error *err)
{
	AUTO(cache_mount_free) struct cache_mount *mount = NULL;
	const struct cache_wait wait = { s->cancel, tell_waiting, s };
	int dir, found = cache_mount_open_existing(s->store, id, &wait, &mount,
						   err);

	if (found <= 0)
		return found;
	dir = open(cache_mount_path(mount), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "cannot open the cache '%s'", id);
	return mount_save_add(save, id, dir, err);
}

static int open_target(struct session *s, const struct cache_option *o,
		       struct copy_target **ret, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	struct layout *layout;

	if (o->kind == CACHE_REGISTRY)
		return reference_parse(o->ref, &ref, err) < 0
			       ? -1
			       : copy_to_registry(s->registry, &ref, ret, err);
	if (layout_to_dir(o->dir, &layout, err) < 0)
		return -1;
	return copy_to_layout(layout, tag_of(o), false, ret, err);
}

static int send(struct session *s, const struct cache_option *o,
		struct save_source *from, struct error *err)
{
	const struct copy_options how = { .parallel = PARALLEL_BLOBS };
	AUTO(copy_target_free) struct copy_target *to = NULL;
	AUTO(descriptor_release) struct descriptor root = { 0 };

	if (open_target(s, o, &to, err) < 0)
		return -1;
	return copy_image(&from->base, to, &how, &root, err);
}

static char *summary(const struct mount_save *save)
{
	char *line;

	return asprintf(&line, "%.1f MB of contents, %.1f MB of them new",
			(double)mount_save_bytes(save) / 1e6,
			(double)mount_save_new_bytes(save) / 1e6) < 0
		       ? NULL
		       : line;
}

static int save(struct session *s, const struct cache_option *o,
		const struct strv *ids, char **line, struct error *err)
{
	AUTO(save_source_release)
	struct save_source from = { .base = { .manifest = save_manifest,
					      .blob = save_blob } };
	AUTO(mount_index_release) struct mount_index before = { 0 };
	struct digest root = { 0 };

	if (read_before(s, o, &before, &root, err) < 0 ||
	    mount_save_new(s->batch, &before, &from.save, err) < 0)
		return -1;
	for (size_t i = 0; i < ids->len; i++)
		if (add_mount(s, from.save, ids->items[i], err) < 0)
			return -1;
	if (mount_save_finish(from.save, &from.base.root, &from.manifest, err) <
	    0)
		return -1;
	*line = summary(from.save);
	if (digest_equal(&root, &from.base.root.digest))
		return 0;
	return send(s, o, &from, err);
}

/* The transfers of a save belong to its step. */
static int save_as_step(struct session *s, const struct cache_option *o,
			const struct strv *ids, struct error *err)
{
	autofree char *line = NULL;
	unsigned step =
		session_step_begin(s, "exporting cache mounts to", place_of(o));
	int rc;

	s->transfer_step = step;
	rc = save(s, o, ids, &line, err);
	session_step_end(s, step, rc, err, line);
	return rc < 0 ? error_wrap(err, "exporting cache mounts to %s",
				   place_of(o))
		      : 0;
}

int mount_export(struct session *s, const struct cache_options *o,
		 const struct strv *ids, struct error *err)
{
	for (size_t i = 0; i < o->len; i++) {
		if (save_as_step(s, &o->items[i], ids, err) == 0)
			continue;
		if (!o->items[i].ignore_error || !session_can_do_without(err))
			return -1;
		session_warn(s, err);
		error_clear(err);
	}
	return 0;
}
