/* The files put together for a copy, written as one layer. */
#include <string.h>

#include "builder/copy_entry.h"
#include "store/tar.h"

static int compare_entries(const void *a, const void *b)
{
	return entry_path_compare((*(struct dest_entry *const *)a)->path,
				  (*(struct dest_entry *const *)b)->path);
}

/* What is left, sorted, and without the root. */
static size_t sort_entries(struct copy_dest *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->len; i++) {
		struct dest_entry *e = d->entries[i];

		if (e->dropped || e->path[0] == '\0')
			continue;
		/* The others follow, so that all are still freed. */
		d->entries[i] = d->entries[kept];
		d->entries[kept++] = e;
	}
	qsort(d->entries, kept, sizeof(struct dest_entry *), compare_entries);
	return kept;
}

struct layer_writing {
	struct copy_dest *dest;
	struct tar_writer *tar;
	struct map *first_names; /* group to the path written first */
};

static int write_file(struct layer_writing *w, const struct dest_entry *e,
		      struct error *err)
{
	const struct copy_bytes *bytes = &e->bytes;
	autoclose int opened = -1;
	off_t offset = 0;

	if (bytes->data)
		return tar_writer_entry_data(w->tar, &e->meta, bytes->data,
					     err);
	if (!bytes->node || e->meta.size == 0)
		return tar_writer_entry(w->tar, &e->meta, bytes->fd,
					bytes->offset, err);
	opened = file_root_open(bytes->root, bytes->node, &offset, err);
	if (opened < 0)
		return -1;
	return tar_writer_entry(w->tar, &e->meta, opened, offset, err);
}

/* A later name of a file that was written already: 1 when it was one. */
static int write_link(struct layer_writing *w, const struct dest_entry *e,
		      struct error *err)
{
	const uint64_t *group = e->bytes.group;
	const char *first;
	struct entry link;

	if (!group[0])
		return 0;
	first = map_get(w->first_names, group, sizeof(e->bytes.group));
	if (!first) {
		if (map_put(w->first_names, group, sizeof(e->bytes.group),
			    e->path) < 0)
			return error_nomem(err, "a layer");
		return 0;
	}
	link = e->meta;
	link.type = ENTRY_HARDLINK;
	link.link = first;
	link.size = 0;
	return tar_writer_entry(w->tar, &link, -1, 0, err) < 0 ? -1 : 1;
}

static int write_entry(struct layer_writing *w, const struct dest_entry *e,
		       struct error *err)
{
	int linked;

	if (e->meta.type == ENTRY_DIR)
		return tar_writer_entry(w->tar, &e->meta, -1, 0, err);
	linked = write_link(w, e, err);
	if (linked)
		return linked < 0 ? -1 : 0;
	if (e->meta.type == ENTRY_FILE)
		return write_file(w, e, err);
	return tar_writer_entry(w->tar, &e->meta, -1, 0, err);
}

/*
 * A directory that replaces one below shows nothing of it: every old name
 * that is not taken again gets a whiteout.
 */
static int hide_lower_names(struct copy_dest *d, struct dest_entry *e,
			    struct error *err)
{
	const struct strv *names = dest_entry_names(d, e, err);

	if (!names)
		return -1;
	for (size_t i = 0; i < names->len; i++) {
		AUTO(buf_release) struct buf path = BUF_INIT;
		struct entry gone = { .type = ENTRY_WHITEOUT };

		buf_printf(&path, "%s/%s", e->path, names->items[i]);
		if (buf_check(&path, "a path", err) < 0)
			return -1;
		if (map_get(d->by_path, path.data, path.len))
			continue;
		if (dest_add_bare(d, path.data, &gone, err) < 0)
			return -1;
	}
	return 0;
}

static int hide_replaced(struct copy_dest *d, struct error *err)
{
	size_t len = d->len;

	for (size_t i = 0; i < len; i++) {
		struct dest_entry *e = d->entries[i];

		if (!e->dropped && e->opaque && hide_lower_names(d, e, err) < 0)
			return -1;
	}
	return 0;
}

static int write_entries(struct copy_dest *d, struct sink *to,
			 struct error *err)
{
	AUTO(tar_writer_free) struct tar_writer *tar = NULL;
	AUTO(map_free) struct map *first_names = map_new(NULL);
	struct layer_writing w = { d, NULL, first_names };
	size_t n;

	if (!first_names)
		return error_nomem(err, "a layer");
	if (tar_writer_new(to, NULL, &tar, err) < 0)
		return -1;
	w.tar = tar;
	n = sort_entries(d);
	for (size_t i = 0; i < n; i++)
		if (write_entry(&w, d->entries[i], err) < 0)
			return error_wrap(err, "/%s", d->entries[i]->path);
	return tar_writer_finish(tar, err);
}

/* Into a file and a hash at once, so that the diffID is known right away. */
static int write_tar(struct copy_dest *d, int fd, struct digest *diff_id,
		     struct error *err)
{
	AUTO(sink_free) struct sink *file = NULL;
	AUTO(sink_free) struct sink *hash = NULL;
	AUTO(sink_free) struct sink *both = NULL;

	if (sink_to_fd(fd, "a layer", &file, err) < 0 ||
	    sink_hash(&hash, err) < 0 || sink_tee(file, hash, &both, err) < 0 ||
	    write_entries(d, both, err) < 0 || sink_finish(both, err) < 0)
		return -1;
	sink_hash_result(hash, diff_id, NULL);
	return 0;
}

int copy_dest_layer(struct copy_dest *d, struct batch *b, struct layer **ret,
		    struct error *err)
{
	autofree char *name = NULL;
	autoclose int fd = -1;
	struct digest diff_id;

	if (!d->changed)
		return layer_empty(b, ret, err);
	if (hide_replaced(d, err) < 0)
		return -1;
	fd = batch_fresh_file(b, "copy", &name, err);
	if (fd < 0)
		return -1;
	if (write_tar(d, fd, &diff_id, err) < 0) {
		/* A full disk gets its space back at once. */
		unlinkat(batch_fd(b), name, 0);
		return -1;
	}
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write a layer");
	return layer_from_tar(b, name, &diff_id, ret, err);
}
