#include "store/tree_tar.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/map.h"

struct packing {
	struct tar_writer *w;
	struct map *first_names; /* (device, inode) -> path, for hard links */
};

struct file_id {
	uint64_t device;
	uint64_t inode;
};

/* The earlier name of the same file, or NULL after remembering this one. */
static int find_first_name(struct packing *p, const struct tree_entry *e,
			   const char **ret, struct error *err)
{
	const struct file_id id = { e->device, e->inode };
	char *path;

	*ret = NULL;
	if (e->n_links < 2 || e->entry.type == ENTRY_DIR ||
	    e->entry.type == ENTRY_WHITEOUT)
		return 0;
	*ret = map_get(p->first_names, &id, sizeof(id));
	if (*ret)
		return 0;
	path = strdup(e->entry.path);
	if (!path || map_put(p->first_names, &id, sizeof(id), path) < 0) {
		free(path);
		return error_nomem(err, "writing a tar");
	}
	return 0;
}

static int pack_file(struct packing *p, const struct tree_entry *e, int dirfd,
		     const char *name, struct error *err)
{
	autoclose int fd = -1;

	if (e->entry.size > 0) {
		fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return error_sys(err, errno, "cannot open '%s'",
					 e->entry.path);
	}
	return tar_writer_entry(p->w, &e->entry, fd, 0, err);
}

static int pack(void *ctx, const struct tree_entry *e, int dirfd,
		const char *name, struct error *err)
{
	struct packing *p = ctx;
	struct entry link = e->entry;

	if (e->opaque)
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' hides what lies below it, which a "
				 "canonical layer cannot say",
				 e->entry.path);
	if (find_first_name(p, e, &link.link, err) < 0)
		return -1;
	if (link.link) {
		link.type = ENTRY_HARDLINK;
		return tar_writer_entry(p->w, &link, -1, 0, err);
	}
	if (e->entry.type == ENTRY_FILE)
		return pack_file(p, e, dirfd, name, err);
	return tar_writer_entry(p->w, &e->entry, -1, 0, err);
}

int tree_to_tar(struct tree *t, struct tar_writer *w, struct error *err)
{
	AUTO(map_free) struct map *first_names = map_new(free);
	struct packing p = { .w = w, .first_names = first_names };

	if (!first_names)
		return error_nomem(err, "writing a tar");
	return tree_walk(t, pack, &p, err);
}

int tree_from_tar(struct tree *t, struct tar_reader *r, struct error *err)
{
	const struct entry *e;
	struct stream *contents;
	int status;

	while ((status = tar_reader_next(r, &e, &contents, err)) > 0)
		if (tree_put(t, e, contents, err) < 0)
			return -1;
	if (status < 0 || tar_reader_drain(r, err) < 0)
		return -1;
	return tree_finish(t, err);
}
