/*
 * Roots are names (each leads to a config and perhaps a manifest), cache
 * records (each leads to a layer) and pins of batches. From there: a config to
 * its layers, a layer to its tree and blobs, a tree to the layer it is known
 * as.
 *
 * A record that is damaged leads nowhere; but when one cannot be read for
 * another reason, nothing may be taken for garbage.
 */
#include "store/gc_mark.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/map.h"
#include "store/batch.h"
#include "store/blob.h"
#include "store/image_config.h"
#include "store/image_list.h"
#include "store/manifest.h"
#include "store/names.h"

#define RECORD_MAX ((size_t)16 << 20)
#define PINS_MAX   ((size_t)256 << 20)

struct gc_marks {
	struct store *store;
	struct map *sets[GC_KINDS];
};

void gc_marks_free(struct gc_marks *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < GC_KINDS; i++)
		map_free(m->sets[i]);
	free(m);
}

bool gc_is_marked(const struct gc_marks *m, enum gc_kind kind, const char *name)
{
	return map_get(m->sets[kind], name, strlen(name)) != NULL;
}

/* 1 when newly marked, 0 when marked before. */
static int mark(struct gc_marks *m, enum gc_kind kind, const char *name,
		struct error *err)
{
	if (gc_is_marked(m, kind, name))
		return 0;
	if (map_put(m->sets[kind], name, strlen(name), m) < 0)
		return error_nomem(err, "collecting garbage");
	return 1;
}

/* Is this a fault of the record, which then leads nowhere? Else -1 counts. */
static bool is_damage(const struct error *err)
{
	return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INTEGRITY ||
	       err->kind == ERROR_REFUSED;
}

/* A JSON record: 1, 0 when absent or damaged, -1. */
static int read_record(int dirfd, const char *path, json_t **ret,
		       struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error problem = ERROR_INIT;

	if (io_read_file(dirfd, path, RECORD_MAX, &text, &problem) == 0)
		*ret = json_parse(text.data, text.len, path, &problem);
	if (*ret)
		return 1;
	if (is_damage(&problem))
		return 0;
	*err = problem;
	return -1;
}

static int mark_snapshot(struct gc_marks *m, const char *id, struct error *err);
static int mark_layer(struct gc_marks *m, const struct digest *diff_id,
		      struct error *err);

/* One file in a layer's folder. */
static int mark_form(struct gc_marks *m, int dirfd, const char *form,
		     struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	struct error ignored;
	struct digest digest;
	const char *text;
	int found;

	if (strncmp(form, "blob.", 5) && strcmp(form, "tree"))
		return 0;
	found = read_record(dirfd, form, &record, err);
	if (found <= 0)
		return found;
	text = json_get_string(record, "snapshot");
	if (text)
		return mark_snapshot(m, text, err);
	text = json_get_string(record, "digest");
	if (!text || digest_parse(text, &digest, &ignored) < 0)
		return 0;
	return mark(m, GC_BLOB, digest_hex(&digest), err) < 0 ? -1 : 0;
}

static int mark_layer(struct gc_marks *m, const struct digest *diff_id,
		      struct error *err)
{
	char path[sizeof("layers/sha256/") + DIGEST_HEX_LEN];
	autodir DIR *dir = NULL;
	const char *name;
	int rc = mark(m, GC_LAYER, digest_hex(diff_id), err);

	if (rc <= 0)
		return rc;
	snprintf(path, sizeof(path), "layers/sha256/%s", digest_hex(diff_id));
	dir = io_open_dir(store_fd(m->store), path);
	if (!dir)
		return errno == ENOENT ? 0
				       : error_sys(err, errno,
						   "cannot read '%s'", path);
	while ((rc = io_next_entry(dir, path, &name, err)) > 0)
		if (*name != '.' && mark_form(m, dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}

/* A tree and, once its diffID is known, the layer of that diffID. */
static int mark_snapshot(struct gc_marks *m, const char *id, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	autofree char *path = NULL;
	struct error ignored;
	struct digest diff_id;
	const char *text;
	int fresh, found;

	if (strchr(id, '/'))
		return 0;
	fresh = mark(m, GC_SNAPSHOT, id, err);
	if (fresh <= 0)
		return fresh;
	if (asprintf(&path, "snapshots/%s/diffid", id) < 0) {
		path = NULL;
		return error_nomem(err, "collecting garbage");
	}
	found = read_record(store_fd(m->store), path, &record, err);
	if (found <= 0)
		return found;
	text = json_get_string(record, "diffID");
	if (!text || digest_parse(text, &diff_id, &ignored) < 0)
		return 0;
	return mark_layer(m, &diff_id, err);
}

/* A blob's bytes: 1, 0 when absent or damaged, -1. */
static int read_blob(struct gc_marks *m, const struct digest *digest,
		     size_t max, struct buf *text, struct error *err)
{
	struct error problem = ERROR_INIT;

	if (blob_read(m->store, NULL, digest, max, text, &problem) == 0)
		return 1;
	if (is_damage(&problem))
		return 0;
	*err = problem;
	return -1;
}

int gc_mark_image(struct gc_marks *m, const struct digest *id,
		  struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *config = NULL;
	struct error ignored;
	struct digest diff_id;
	size_t i;
	int found = mark(m, GC_BLOB, digest_hex(id), err);

	if (found > 0)
		found = read_blob(m, id, CONFIG_MAX, &text, err);
	if (found <= 0)
		return found;
	if (image_config_parse(text.data, text.len, &config, &ignored) < 0)
		return 0;
	for (i = 0; i < image_config_n_layers(config); i++)
		if (image_config_diff_id(config, i, &diff_id, err) < 0 ||
		    mark_layer(m, &diff_id, err) < 0)
			return -1;
	return 0;
}

/* The blobs of a manifest, which keep their place when they are here. */
static int mark_manifest(struct gc_marks *m, const struct digest *digest,
			 struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *doc = NULL;
	struct error ignored;
	size_t i;
	int found = mark(m, GC_BLOB, digest_hex(digest), err);

	if (found > 0)
		found = read_blob(m, digest, MANIFEST_MAX, &text, err);
	if (found <= 0)
		return found;
	if (manifest_parse(text.data, text.len, NULL, &doc, &ignored) < 0)
		return 0;
	for (i = 0; !doc->is_index && i < doc->n_items; i++)
		if (mark(m, GC_BLOB, digest_hex(&doc->items[i].digest), err) <
		    0)
			return -1;
	return doc->is_index ? 0 : gc_mark_image(m, &doc->config.digest, err);
}

static int mark_names(struct gc_marks *m, struct error *err)
{
	struct name_record *names = NULL;
	size_t n = 0, i;
	int ret = names_list(m->store, &names, &n, err);

	for (i = 0; i < n; i++) {
		if (ret == 0)
			ret = gc_mark_image(m, &names[i].image, err);
		if (ret == 0 && digest_is_set(&names[i].manifest))
			ret = mark_manifest(m, &names[i].manifest, err);
		name_record_release(&names[i]);
	}
	free(names);
	return ret;
}

static int mark_listed(void *ctx, const struct image_list_item *item,
		       struct error *err)
{
	if (gc_mark_image(ctx, &item->image, err) < 0)
		return -1;
	return digest_is_set(&item->manifest)
		       ? mark_manifest(ctx, &item->manifest, err)
		       : 0;
}

/* A cache record names its layer: a diffID, or "snapshot:" and an id. */
static int mark_step(struct gc_marks *m, int dirfd, const char *file,
		     struct error *err)
{
	static const char snapshot[] = "snapshot:";
	AUTO(json_decref) json_t *record = NULL;
	struct error ignored;
	struct digest diff_id;
	const char *layer;
	int found;

	/* What goes with a record leads nowhere. */
	if (strchr(file, '.'))
		return 0;
	found = read_record(dirfd, file, &record, err);
	if (found <= 0)
		return found;
	layer = json_get_string(record, "layer");
	if (!layer)
		return 0;
	if (!strncmp(layer, snapshot, strlen(snapshot)))
		return mark_snapshot(m, layer + strlen(snapshot), err);
	if (digest_parse(layer, &diff_id, &ignored) < 0)
		return 0;
	return mark_layer(m, &diff_id, err);
}

static int mark_steps(struct gc_marks *m,
		      bool (*wanted)(void *ctx, const char *file), void *ctx,
		      struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(m->store), "cache");
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot read the cache");
	while ((rc = io_next_entry(dir, "cache", &name, err)) > 0)
		if (*name != '.' && wanted(ctx, name) &&
		    mark_step(m, dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}

/* "layers/sha256/HEX", "snapshots/ID" or "blobs/sha256/HEX" */
static int mark_pin(struct gc_marks *m, const char *object, struct error *err)
{
	const char *slash = strrchr(object, '/');
	char text[sizeof(((struct digest *)0)->text) + 1];
	struct error ignored;
	struct digest digest;

	if (!slash)
		return 0;
	if (!strncmp(object, "snapshots/", 10))
		return mark_snapshot(m, slash + 1, err);
	snprintf(text, sizeof(text), "sha256:%s", slash + 1);
	if (digest_parse(text, &digest, &ignored) < 0)
		return 0;
	if (!strncmp(object, "layers/", 7))
		return mark_layer(m, &digest, err);
	return mark(m, GC_BLOB, digest_hex(&digest), err) < 0 ? -1 : 0;
}

/* A line that is not whole was written by somebody who is dead. */
static int mark_pins_of(struct gc_marks *m, int tmp, const char *batch,
			struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error problem = ERROR_INIT;
	autofree char *path = NULL;
	char *line, *end;

	if (asprintf(&path, "%s/" BATCH_PINS, batch) < 0) {
		path = NULL;
		return error_nomem(err, "collecting garbage");
	}
	if (io_read_file(tmp, path, PINS_MAX, &text, &problem) < 0) {
		/* No pins, no batch, or no longer. */
		if (problem.kind == ERROR_NOT_FOUND || problem.sys == ENOTDIR)
			return 0;
		*err = problem;
		return -1;
	}
	for (line = text.data; line && (end = strchr(line, '\n'));
	     line = end + 1) {
		*end = '\0';
		if (mark_pin(m, line, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * Of batches that died meanwhile, too: they keep little, and not for long.
 * This comes first: what a batch that ends now has published is found by the
 * names and steps that are read after.
 */
static int mark_pins(struct gc_marks *m, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(m->store), "tmp");
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot read '%s/tmp'",
				 store_path(m->store));
	while ((rc = io_next_entry(dir, "tmp", &name, err)) > 0)
		if (*name != '.' && mark_pins_of(m, dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}

int gc_marks_new(struct store *s, struct gc_marks **ret, struct error *err)
{
	AUTO(gc_marks_free) struct gc_marks *m = calloc(1, sizeof(*m));

	if (!m)
		return error_nomem(err, "collecting garbage");
	m->store = s;
	for (size_t i = 0; i < GC_KINDS; i++) {
		m->sets[i] = map_new(NULL);
		if (!m->sets[i])
			return error_nomem(err, "collecting garbage");
	}
	*ret = steal_pointer(&m);
	return 0;
}

int gc_mark(struct store *s, bool (*wanted)(void *ctx, const char *file),
	    void *ctx, struct gc_marks **ret, struct error *err)
{
	AUTO(gc_marks_free) struct gc_marks *m = NULL;

	if (gc_marks_new(s, &m, err) < 0 || (wanted && mark_pins(m, err) < 0) ||
	    mark_names(m, err) < 0 ||
	    image_lists_visit(s, mark_listed, m, err) < 0 ||
	    (wanted && mark_steps(m, wanted, ctx, err) < 0))
		return -1;
	*ret = steal_pointer(&m);
	return 0;
}
