#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/path.h"
#include "store/tar.h"
#include "store/tar_header.h"
#include "store/tar_sparse.h"
#include "store/xattr_rules.h"

/* Gathered before it goes on; contents are read straight into it. */
#define OUT_SIZE ((size_t)256 << 10)

#define WHITEOUT_PREFIX ".wh."

struct tar_writer {
	struct sink *to;
	bool clamped;
	int64_t clamp;
	char *last; /* path of the last entry, for the order */
	size_t used;
	char out[OUT_SIZE];
};

static const char types[] = {
	[ENTRY_FILE] = '0',	[ENTRY_DIR] = '5',	[ENTRY_SYMLINK] = '2',
	[ENTRY_HARDLINK] = '1', [ENTRY_CHAR] = '3',	[ENTRY_BLOCK] = '4',
	[ENTRY_FIFO] = '6',	[ENTRY_WHITEOUT] = '0',
};

int tar_writer_new(struct sink *to, const int64_t *clamp,
		   struct tar_writer **ret, struct error *err)
{
	struct tar_writer *w = malloc(sizeof(*w));

	if (!w)
		return error_nomem(err, "writing a tar");
	w->to = to;
	w->clamped = clamp != NULL;
	w->clamp = clamp ? *clamp : 0;
	w->last = NULL;
	w->used = 0;
	*ret = w;
	return 0;
}

void tar_writer_free(struct tar_writer *w)
{
	if (!w)
		return;
	free(w->last);
	free(w);
}

static int flush(struct tar_writer *w, struct error *err)
{
	size_t used = w->used;

	w->used = 0;
	return sink_write(w->to, w->out, used, err);
}

static int put(struct tar_writer *w, const void *data, size_t len,
	       struct error *err)
{
	if (len > OUT_SIZE - w->used && flush(w, err) < 0)
		return -1;
	if (len > OUT_SIZE)
		return sink_write(w->to, data, len, err);
	memcpy(w->out + w->used, data, len);
	w->used += len;
	return 0;
}

static int put_padding(struct tar_writer *w, uint64_t size, struct error *err)
{
	static const char zeros[TAR_BLOCK];

	return put(w, zeros, tar_padding(size), err);
}

static bool is_root(const struct entry *e)
{
	return e->path[0] == '\0';
}

static int check_entry(const struct tar_writer *w, const struct entry *e,
		       struct error *err)
{
	if (is_root(e) || e->path[0] == '/' || strlen(e->path) >= PATH_MAX)
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' cannot be a name in a layer",
				 e->path);
	if (!strncmp(path_base(e->path), WHITEOUT_PREFIX,
		     strlen(WHITEOUT_PREFIX)))
		return error_set(err, ERROR_REFUSED,
				 "'%.200s': names that begin with \".wh.\" "
				 "mean deletion in layers and cannot be stored",
				 e->path);
	if (w->last && entry_path_compare(w->last, e->path) >= 0)
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' comes after '%.200s' in a layer",
				 e->path, w->last);
	if (e->type == ENTRY_HARDLINK &&
	    entry_path_compare(e->link, e->path) >= 0)
		return error_set(err, ERROR_REFUSED,
				 "hard link '%.200s' comes before its target",
				 e->path);
	if (e->type >= ARRAY_LEN(types))
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' cannot be stored in a layer",
				 e->path);
	return 0;
}

static int remember(struct tar_writer *w, const char *path, struct error *err)
{
	char *copy = strdup(path);

	if (!copy)
		return error_nomem(err, "writing a tar");
	free(w->last);
	w->last = copy;
	return 0;
}

/* "dir/" for directories, "dir/.wh.name" for whiteouts. */
static char *archive_name(const struct entry *e, struct error *err)
{
	const char *base = path_base(e->path);
	struct buf name = BUF_INIT;

	buf_append(&name, e->path, (size_t)(base - e->path));
	if (e->type == ENTRY_WHITEOUT)
		buf_append_str(&name, WHITEOUT_PREFIX);
	buf_append_str(&name, base);
	if (e->type == ENTRY_DIR)
		buf_append_char(&name, '/');
	return buf_steal_checked(&name, "writing a tar", err);
}

static int append_xattr(struct buf *records, const struct entry *e,
			const struct xattr *x, struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;
	AUTO(buf_release) struct buf value = BUF_INIT;

	if (strchr(x->name, '='))
		return error_set(err, ERROR_REFUSED,
				 "extended attribute '%.100s' of '%.200s' "
				 "cannot be stored in a layer",
				 x->name, e->path);
	buf_append_str(&key, TAR_PAX_XATTR);
	buf_append_str(&key, x->name);
	buf_append(&value, x->value, x->size);
	if (buf_check(&key, "writing a tar", err) < 0 ||
	    buf_check(&value, "writing a tar", err) < 0)
		return -1;
	if (!strcmp(x->name, XATTR_CAPABILITY))
		value.len = xattr_capability_portable(value.data, value.len);
	tar_pax_append(records, key.data, value.data, value.len);
	return 0;
}

/* Other names of a file need no attributes: the first has them. */
static int append_xattrs(struct buf *records, const struct entry *e,
			 struct error *err)
{
	size_t i;

	if (e->type == ENTRY_HARDLINK || e->type == ENTRY_WHITEOUT)
		return 0;
	for (i = 0; i < e->n_xattrs; i++)
		if (xattr_is_kept(e->xattrs[i].name) &&
		    append_xattr(records, e, &e->xattrs[i], err) < 0)
			return -1;
	return 0;
}

static int64_t mtime_of(const struct tar_writer *w, const struct entry *e)
{
	int64_t mtime = e->mtime.tv_sec;

	return w->clamped && mtime > w->clamp ? w->clamp : mtime;
}

/* Write the header of `e` whose contents take `size` bytes. */
static int put_header(struct tar_writer *w, const struct entry *e,
		      const char *name, uint64_t size,
		      const struct buf *records, bool name_in_records,
		      struct error *err)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct tar_header h = {
		.type = types[e->type],
		.name = name,
		.link = "",
	};

	if (e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK)
		h.link = e->link;
	/* A whiteout says nothing but its name. */
	if (e->type != ENTRY_WHITEOUT) {
		h.mode = e->mode & 07777;
		h.uid = e->uid;
		h.gid = e->gid;
		h.size = size;
		h.mtime = mtime_of(w, e);
	}
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK) {
		h.dev_major = e->dev_major;
		h.dev_minor = e->dev_minor;
	}
	if (tar_header_append(&out, &h, records, name_in_records, err) < 0)
		return -1;
	return put(w, out.data, out.len, err);
}

/* Copy bytes of the source, through the output buffer. */
static int put_region(struct tar_writer *w, const struct tar_source *from,
		      uint64_t pos, uint64_t len, struct error *err)
{
	while (len > 0) {
		size_t n = OUT_SIZE - w->used;

		if (n > len)
			n = (size_t)len;
		if (tar_source_read(from, pos, w->out + w->used, n, err) < 0)
			return -1;
		w->used += n;
		pos += n;
		len -= n;
		if (w->used == OUT_SIZE && flush(w, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * The map of GNU.sparse 1.0: how many regions, then offset and length of each,
 * one number a line. A last one of no length tells a hole at the end.
 */
static void append_map(struct buf *map, const struct tar_source *from,
		       const struct tar_holes *holes)
{
	AUTO(buf_release) struct buf regions = BUF_INIT;
	uint64_t pos = 0;
	size_t i, n = 0;

	for (i = 0; i <= holes->n; i++) {
		uint64_t end =
			i < holes->n ? holes->items[i].offset : from->size;

		if (end > pos || i == holes->n) {
			buf_printf(&regions, "%llu\n%llu\n",
				   (unsigned long long)pos,
				   (unsigned long long)(end - pos));
			n++;
		}
		if (i < holes->n)
			pos = end + holes->items[i].len;
	}
	buf_printf(map, "%zu\n", n);
	buf_append(map, regions.data, regions.len);
	map->failed |= regions.failed;
}

static uint64_t stored_size(const struct tar_source *from,
			    const struct tar_holes *holes)
{
	uint64_t size = from->size;
	size_t i;

	for (i = 0; i < holes->n; i++)
		size -= holes->items[i].len;
	return size;
}

static void append_sparse_records(struct buf *records, const char *name,
				  uint64_t size)
{
	char text[24];
	int len =
		snprintf(text, sizeof(text), "%llu", (unsigned long long)size);

	tar_pax_append(records, TAR_PAX_SPARSE "major", "1", 1);
	tar_pax_append(records, TAR_PAX_SPARSE "minor", "0", 1);
	tar_pax_append(records, TAR_PAX_SPARSE "name", name, strlen(name));
	tar_pax_append(records, TAR_PAX_SPARSE "realsize", text, (size_t)len);
}

static int put_data_between(struct tar_writer *w, const struct tar_source *from,
			    const struct tar_holes *holes, struct error *err)
{
	uint64_t pos = 0;
	size_t i;

	for (i = 0; i < holes->n; i++) {
		const struct tar_region *hole = &holes->items[i];

		if (put_region(w, from, pos, hole->offset - pos, err) < 0)
			return -1;
		pos = hole->offset + hole->len;
	}
	return put_region(w, from, pos, from->size - pos, err);
}

static int put_sparse_file(struct tar_writer *w, const struct entry *e,
			   const struct tar_source *from,
			   const struct tar_holes *holes, struct error *err)
{
	AUTO(buf_release) struct buf records = BUF_INIT;
	AUTO(buf_release) struct buf name = BUF_INIT;
	AUTO(buf_release) struct buf map = BUF_INIT;
	static const char zeros[TAR_BLOCK];
	uint64_t size;

	append_sparse_records(&records, e->path, from->size);
	buf_printf(&name, "GNUSparseFile.0/%s", path_base(e->path));
	append_map(&map, from, holes);
	buf_append(&map, zeros, tar_padding(map.len));
	if (append_xattrs(&records, e, err) < 0 ||
	    buf_check(&name, "writing a tar", err) < 0 ||
	    buf_check(&map, "writing a tar", err) < 0)
		return -1;
	size = map.len + stored_size(from, holes);
	if (put_header(w, e, name.data, size, &records, true, err) < 0 ||
	    put(w, map.data, map.len, err) < 0 ||
	    put_data_between(w, from, holes, err) < 0)
		return -1;
	return put_padding(w, size, err);
}

static int put_plain(struct tar_writer *w, const struct entry *e,
		     const struct tar_source *from, struct error *err)
{
	AUTO(buf_release) struct buf records = BUF_INIT;
	autofree char *name = archive_name(e, err);

	if (!name || append_xattrs(&records, e, err) < 0 ||
	    put_header(w, e, name, from->size, &records, false, err) < 0 ||
	    put_region(w, from, 0, from->size, err) < 0)
		return -1;
	return put_padding(w, from->size, err);
}

static int put_entry(struct tar_writer *w, const struct entry *e,
		     const struct tar_source *from, struct error *err)
{
	AUTO(tar_holes_release) struct tar_holes holes = { 0 };

	if (check_entry(w, e, err) < 0 || remember(w, e->path, err) < 0)
		return -1;
	if (tar_find_holes(from, &holes, err) < 0)
		return -1;
	if (holes.n > 0)
		return put_sparse_file(w, e, from, &holes, err);
	return put_plain(w, e, from, err);
}

/* A file with a window of its own must end where its entry says. */
static int check_size(int fd, const struct entry *e, off_t fd_offset,
		      struct error *err)
{
	struct stat st;
	uint64_t end = (uint64_t)fd_offset + e->size;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot examine a file");
	if ((uint64_t)st.st_size < end ||
	    (fd_offset == 0 && (uint64_t)st.st_size > end))
		return error_set(err, ERROR_INTEGRITY,
				 "file changed its size while it was read");
	return 0;
}

int tar_writer_entry(struct tar_writer *w, const struct entry *e, int fd,
		     off_t fd_offset, struct error *err)
{
	struct tar_source from = { .fd = fd, .offset = fd_offset };

	if (e->type != ENTRY_FILE)
		from.fd = fd = -1;
	else
		from.size = e->size;
	if ((fd >= 0 && check_size(fd, e, fd_offset, err) < 0) ||
	    put_entry(w, e, &from, err) < 0)
		return error_wrap(err, "adding '%s' to a layer", e->path);
	return 0;
}

int tar_writer_entry_data(struct tar_writer *w, const struct entry *e,
			  const void *data, struct error *err)
{
	struct tar_source from = { .fd = -1, .data = data, .size = e->size };

	if (put_entry(w, e, &from, err) < 0)
		return error_wrap(err, "adding '%s' to a layer", e->path);
	return 0;
}

int tar_writer_finish(struct tar_writer *w, struct error *err)
{
	static const char zeros[2 * TAR_BLOCK];

	if (put(w, zeros, sizeof(zeros), err) < 0)
		return -1;
	return flush(w, err);
}
