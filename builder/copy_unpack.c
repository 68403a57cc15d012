#include "builder/copy_unpack.h"

#include <string.h>

#include "builder/archive.h"
#include "store/tar.h"

void copy_spool_release(struct copy_spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	file_nodes_release(&s->nodes);
}

/* A file in the batch's folder that has no name any more. */
static int spool_open(struct copy_spool *s, struct error *err)
{
	if (s->fd >= 0)
		return 0;
	s->fd = batch_fresh_file(s->batch, "unpack", NULL, err);
	if (s->fd < 0)
		return -1;
	/* What starts at 0 would be taken for a file of its own. */
	s->end = 1;
	if (lseek(s->fd, s->end, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot unpack in '%s'",
				 batch_path(s->batch));
	return 0;
}

static int spool_contents(struct copy_spool *s, struct stream *contents,
			  struct copy_bytes *bytes, struct error *err)
{
	AUTO(sink_free) struct sink *to = NULL;

	if (spool_open(s, err) < 0 ||
	    sink_to_fd(s->fd, "an unpacked archive", &to, err) < 0 ||
	    stream_copy(contents, to, err) < 0)
		return -1;
	bytes->fd = s->fd;
	bytes->offset = s->end;
	s->end = lseek(s->fd, 0, SEEK_CUR);
	if (s->end < 0)
		return error_sys(err, errno, "cannot unpack an archive");
	return 0;
}

struct unpacking {
	struct copy_dest *dest;
	struct copy_spool *spool;
	const char *dir;
	struct copy_policy policy;
};

/*
 * Where the archive's `path` belongs: links in its parents are followed inside
 * the root, as they would be by a process that unpacks there.
 */
static char *place_of(struct unpacking *u, const char *path, struct error *err)
{
	AUTO(buf_release) struct buf full = BUF_INIT;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	autofree char *parent = NULL;
	enum copy_found found;

	buf_printf(&full, "%s/%.*s", u->dir, slash ? (int)(slash - path) : 0,
		   path);
	if (buf_check(&full, "a path", err) < 0 ||
	    copy_dest_resolve(u->dest, full.data, true, &parent, &found, err) <
		    0)
		return NULL;
	buf_clear(&full);
	buf_append_str(&full, parent);
	if (full.len)
		buf_append_char(&full, '/');
	buf_append_str(&full, name);
	return buf_steal_checked(&full, "a path", err);
}

static int unpack_link(struct unpacking *u, const char *place,
		       const struct entry *e, struct error *err)
{
	autofree char *to = place_of(u, e->link, err);
	int linked;

	if (!to)
		return -1;
	linked = copy_dest_link(u->dest, place, to, &u->policy, err);
	if (linked == 0)
		return error_set(err, ERROR_REFUSED,
				 "hard link to '%s', which is not in the "
				 "archive",
				 e->link);
	return linked < 0 ? -1 : 0;
}

static int unpack_entry(struct unpacking *u, const struct entry *e,
			struct stream *contents, struct error *err)
{
	struct tree_entry whole = { .entry = *e };
	struct copy_bytes bytes = { .fd = -1 };
	autofree char *place = NULL;
	struct file_node *n = NULL;

	/* The archive's own root says nothing about the destination. */
	if (!*e->path)
		return 0;
	place = place_of(u, e->path, err);
	if (!place)
		return -1;
	if (e->type == ENTRY_HARDLINK)
		return unpack_link(u, place, e, err);
	if (e->type == ENTRY_FILE && e->size > 0 &&
	    spool_contents(u->spool, contents, &bytes, err) < 0)
		return -1;

	/* What the reader shows is gone with the next entry. */
	if (file_node_new(&whole, e->path, &n, err) < 0 ||
	    file_nodes_take(&u->spool->nodes, n, err) < 0)
		return -1;
	return copy_dest_put(u->dest, place, &n->meta, &bytes, &u->policy, err);
}

static int unpack_all(struct unpacking *u, struct tar_reader *tar,
		      struct error *err)
{
	const struct entry *e;
	struct stream *contents;
	int more;

	while ((more = tar_reader_next(tar, &e, &contents, err)) > 0)
		if (unpack_entry(u, e, contents, err) < 0)
			return error_wrap(err, "'%s'", e->path);
	return more;
}

int copy_unpack(struct copy_dest *d, struct copy_spool *spool,
		struct file_root *root, const struct file_node *n,
		const char *dir, const struct copy_policy *policy,
		struct error *err)
{
	struct unpacking u = { d, spool, dir, *policy };
	AUTO(tar_reader_free) struct tar_reader *tar = NULL;
	struct stream *stream = NULL;
	off_t offset = 0;
	int fd, is_archive;

	u.policy.chmod = NULL;
	u.policy.replace = true;
	fd = file_root_open(root, n, &offset, err);
	if (fd < 0)
		return -1;
	is_archive = archive_open(fd, offset, n->meta.size, &stream, err);
	if (is_archive <= 0)
		return is_archive;
	if (tar_reader_new(stream, false, &tar, err) < 0 ||
	    copy_dest_make_dir(d, dir, &u.policy, err) < 0 ||
	    unpack_all(&u, tar, err) < 0)
		return error_wrap(err, "unpacking '%s'", n->meta.path);
	return 1;
}
