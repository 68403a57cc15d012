#include "store/layer_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/path.h"

#define SNAPSHOT_PREFIX "snapshot:"

/* Two zero blocks: the empty tar (OCI image spec, "layer.md"). */
#define EMPTY_TAR_SIZE 1024
#define EMPTY_DIFF_ID                                                          \
	"sha256:5f70bf18a086007016e948b04aed3b82"                              \
	"103a36bea41755b6cddfaf10ace3c6ef"

struct layer_path layer_form_path(const struct digest *diff_id,
				  const char *form)
{
	struct layer_path path;

	snprintf(path.text, sizeof(path.text), "layers/sha256/%s/%s",
		 digest_hex(diff_id), form);
	return path;
}

bool snapshot_id_is_valid(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len < 128 &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

struct layer_path snapshot_path(const char *id, const char *below)
{
	struct layer_path path;

	snprintf(path.text, sizeof(path.text), "snapshots/%s%s%s", id,
		 *below ? "/" : "", below);
	return path;
}

int layer_alloc(struct batch *b, struct layer **ret, struct error *err)
{
	struct layer *l = calloc(1, sizeof(*l));

	if (!l)
		return error_nomem(err, "opening a layer");
	atomic_init(&l->refs, 1);
	pthread_mutex_init(&l->lock, NULL);
	l->batch = b;
	l->size = -1;
	*ret = l;
	return 0;
}

static void layer_destroy(struct layer *l)
{
	descriptor_release(&l->remote);
	tar_index_free(l->index);
	free(l->snapshot);
	free(l->tree_path);
	strv_release(&l->top_names);
	free(l->origin);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

struct layer *layer_ref(struct layer *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

/* The table does not count: who drops the last reference takes it out. */
void layer_unref(struct layer *l)
{
	struct batch_layers *layers;
	bool last;

	if (!l)
		return;
	layers = batch_layers(l->batch);
	pthread_mutex_lock(&layers->lock);
	last = atomic_fetch_sub(&l->refs, 1) == 1;
	if (last && l->has_diff_id &&
	    map_get(layers->by_diff_id, l->diff_id.text,
		    sizeof(l->diff_id.text)) == l)
		map_remove(layers->by_diff_id, l->diff_id.text,
			   sizeof(l->diff_id.text));
	pthread_mutex_unlock(&layers->lock);
	if (last)
		layer_destroy(l);
}

int layer_intern(struct layer *l, const struct digest *diff_id,
		 struct layer **ret, struct error *err)
{
	struct batch_layers *layers = batch_layers(l->batch);
	struct layer *known;
	int rc = 0;

	if (batch_pin(l->batch, layer_form_path(diff_id, "").text, err) < 0) {
		layer_destroy(l);
		return -1;
	}
	l->diff_id = *diff_id;
	pthread_mutex_lock(&layers->lock);
	known = map_get(layers->by_diff_id, diff_id->text,
			sizeof(diff_id->text));
	if (known) {
		layer_ref(known);
	} else {
		l->has_diff_id = true;
		rc = map_put(layers->by_diff_id, diff_id->text,
			     sizeof(diff_id->text), l);
	}
	pthread_mutex_unlock(&layers->lock);
	if (rc < 0) {
		layer_destroy(l);
		return error_nomem(err, "opening a layer");
	}
	if (known)
		layer_destroy(l);
	*ret = known ? known : l;
	return 0;
}

/* The handle for a diffID, whatever forms there are. */
static int get_handle(struct batch *b, const struct digest *diff_id,
		      struct layer **ret, struct error *err)
{
	struct layer *l;

	if (layer_alloc(b, &l, err) < 0)
		return -1;
	return layer_intern(l, diff_id, ret, err);
}

/* Is any form there? 1, 0, -1. The lock is held. */
static int find_any_form(struct layer *l, struct error *err)
{
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	autoclose int fd = -1;
	uint64_t size;
	int found;

	if (l->snapshot || l->has_remote)
		return 1;
	found = layer_read_tree_record(l, err);
	if (found)
		return found;
	fd = layer_open_tar(l, &size, err);
	if (fd >= 0) {
		l->size = (int64_t)size;
		return 1;
	}
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	found = layer_read_remote_record(l, err);
	if (found)
		return found;
	return layer_find_blob(l, &desc, err);
}

int layer_by_diff_id(struct batch *b, const struct digest *diff_id,
		     struct layer **ret, struct error *err)
{
	AUTO(layer_unref) struct layer *l = NULL;
	int found;

	if (!strcmp(diff_id->text, EMPTY_DIFF_ID))
		return layer_empty(b, ret, err);
	if (get_handle(b, diff_id, &l, err) < 0)
		return -1;
	pthread_mutex_lock(&l->lock);
	found = find_any_form(l, err);
	pthread_mutex_unlock(&l->lock);
	if (found < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND,
				 "layer %s is not in the store", diff_id->text);
	*ret = steal_pointer(&l);
	return 0;
}

int layer_by_remote(struct batch *b, const struct digest *diff_id,
		    const struct descriptor *desc, const char *origin,
		    struct layer **ret, struct error *err)
{
	AUTO(layer_unref) struct layer *l = NULL;
	int rc = 0;

	if (get_handle(b, diff_id, &l, err) < 0)
		return -1;
	pthread_mutex_lock(&l->lock);
	if (!l->has_remote) {
		l->origin = strdup(origin);
		if (!l->origin)
			rc = error_nomem(err, "opening a layer");
		if (rc == 0)
			rc = descriptor_copy(desc, &l->remote, err);
		l->has_remote = rc == 0;
		if (rc == 0)
			rc = layer_write_remote_record(l, err);
		if (rc == 0 && !l->snapshot)
			rc = layer_read_tree_record(l, err) < 0 ? -1 : 0;
	}
	pthread_mutex_unlock(&l->lock);
	if (rc < 0)
		return -1;
	*ret = steal_pointer(&l);
	return 0;
}

int layer_from_tar(struct batch *b, const char *name,
		   const struct digest *diff_id, struct layer **ret,
		   struct error *err)
{
	AUTO(layer_unref) struct layer *l = NULL;
	struct layer_path dest = layer_form_path(diff_id, "tar");
	struct stat st;

	if (fstatat(batch_fd(b), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot read the layer '%s'",
				 name);
	if (batch_add_object(b, name, dest.text, err) < 0 ||
	    get_handle(b, diff_id, &l, err) < 0)
		return -1;
	pthread_mutex_lock(&l->lock);
	l->size = st.st_size;
	pthread_mutex_unlock(&l->lock);
	*ret = steal_pointer(&l);
	return 0;
}

static int write_empty_tar(struct batch *b, const struct digest *diff_id,
			   struct layer **ret, struct error *err)
{
	static const char zeros[EMPTY_TAR_SIZE];
	autofree char *name = NULL;
	autoclose int fd = batch_fresh_file(b, "empty", &name, err);

	if (fd < 0 ||
	    io_write(fd, zeros, sizeof(zeros), "an empty layer", err) < 0)
		return -1;
	return layer_from_tar(b, name, diff_id, ret, err);
}

/* A build may have many: one file is enough for them. */
int layer_empty(struct batch *b, struct layer **ret, struct error *err)
{
	autofree char *pending = NULL;
	struct digest diff_id;

	if (digest_parse(EMPTY_DIFF_ID, &diff_id, err) < 0)
		return -1;
	pending = batch_object_path(b, layer_form_path(&diff_id, "tar").text);
	return pending ? get_handle(b, &diff_id, ret, err)
		       : write_empty_tar(b, &diff_id, ret, err);
}

bool layer_is_empty(struct layer *l)
{
	bool empty;

	pthread_mutex_lock(&l->lock);
	empty = l->has_diff_id && !strcmp(l->diff_id.text, EMPTY_DIFF_ID);
	pthread_mutex_unlock(&l->lock);
	return empty;
}

char *layer_id(struct layer *l, struct error *err)
{
	char *id = NULL;

	pthread_mutex_lock(&l->lock);
	if (l->has_diff_id)
		id = strdup(l->diff_id.text);
	else if (asprintf(&id, SNAPSHOT_PREFIX "%s", l->snapshot) < 0)
		id = NULL;
	pthread_mutex_unlock(&l->lock);
	if (!id)
		error_nomem(err, "naming a layer");
	return id;
}

static int open_snapshot(struct batch *b, const char *id, struct layer **ret,
			 struct error *err)
{
	AUTO(layer_unref) struct layer *l = NULL;
	struct layer_path path = snapshot_path(id, "fs");
	autoclose int fd = -1;
	int known;

	if (layer_alloc(b, &l, err) < 0 || batch_pin(b, path.text, err) < 0)
		return -1;
	fd = batch_open_object(batch_store(b), b, snapshot_path(id, "").text,
			       O_PATH | O_DIRECTORY, err);
	if (fd < 0)
		return error_wrap(err, "opening '%s'", path.text);
	l->snapshot = strdup(id);
	if (!l->snapshot)
		return error_nomem(err, "opening a layer");
	known = layer_read_snapshot_record(l, err);
	if (known < 0)
		return -1;
	if (known) {
		struct digest diff_id = l->diff_id;

		return layer_by_diff_id(b, &diff_id, ret, err);
	}
	*ret = steal_pointer(&l);
	return 0;
}

int layer_by_id(struct batch *b, const char *id, struct layer **ret,
		struct error *err)
{
	struct digest diff_id;

	if (!strncmp(id, SNAPSHOT_PREFIX, strlen(SNAPSHOT_PREFIX))) {
		id += strlen(SNAPSHOT_PREFIX);
		if (!snapshot_id_is_valid(id))
			return error_set(err, ERROR_INTEGRITY,
					 "\"%s\" is no snapshot", id);
		return open_snapshot(b, id, ret, err);
	}
	if (digest_parse(id, &diff_id, err) < 0)
		return -1;
	return layer_by_diff_id(b, &diff_id, ret, err);
}

bool layer_has_diff_id(struct layer *l)
{
	bool has;

	pthread_mutex_lock(&l->lock);
	has = l->has_diff_id;
	pthread_mutex_unlock(&l->lock);
	return has;
}

int layer_diff_id(struct layer *l, struct digest *ret, struct error *err)
{
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	if (!l->has_diff_id)
		rc = layer_need_diff_id(l, err);
	if (rc == 0)
		*ret = l->diff_id;
	pthread_mutex_unlock(&l->lock);
	return rc;
}

int64_t layer_size(struct layer *l)
{
	AUTO(descriptor_release) struct descriptor blob = { 0 };
	struct error ignored = ERROR_INIT;
	int64_t size;

	pthread_mutex_lock(&l->lock);
	size = l->size;
	if (size < 0 && l->has_diff_id &&
	    layer_find_blob(l, &blob, &ignored) > 0)
		size = blob.size;
	if (size < 0 && l->has_remote)
		size = l->remote.size;
	pthread_mutex_unlock(&l->lock);
	return size;
}

bool layer_remote(struct layer *l, const struct descriptor **desc,
		  const char **origin)
{
	bool has;

	pthread_mutex_lock(&l->lock);
	has = l->has_remote ||
	      (l->has_diff_id &&
	       layer_read_remote_record(l, &(struct error)ERROR_INIT) > 0);
	pthread_mutex_unlock(&l->lock);
	/* Once set it never changes while the handle lives. */
	if (has) {
		*desc = &l->remote;
		*origin = l->origin;
	}
	return has;
}

int layer_tree(struct layer *l, const char **path, struct error *err)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = layer_need_tree(l, err);
	if (rc == 0)
		*path = l->tree_path;
	pthread_mutex_unlock(&l->lock);
	return rc;
}

const char *layer_known_tree(struct layer *l)
{
	const char *path;

	pthread_mutex_lock(&l->lock);
	path = l->tree_path;
	pthread_mutex_unlock(&l->lock);
	return path;
}
