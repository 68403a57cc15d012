#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "store/archive_library.h"
#include "store/compress.h"
#include "store/tar.h"
#include "store/tar_name.h"

#define IN_SIZE ((size_t)128 << 10)

/*
 * Most bytes that may be read for one header: long names, PAX records and the
 * map of a sparse file, each of which the library holds in memory.
 */
#define HEADER_MAX ((uint64_t)3 << 20)

/* The contents of the current entry. */
struct contents {
	struct stream base;
	struct tar_reader *reader;
	const char *block; /* what is left of the library's last block */
	size_t len;
	uint64_t block_at; /* where it belongs in the file */
	uint64_t at;	   /* where the reader of this stream is */
	uint64_t size;
	bool ended; /* no block follows */
};

struct tar_reader {
	struct archive *archive;
	struct stream *from;
	bool layer;
	bool empty; /* the stream had no bytes at all */
	bool in_header;
	uint64_t header_bytes; /* read for the current header */
	struct error failed;   /* of `from`, told inside a callback */
	struct entry entry;
	char *path;
	char *link;
	struct xattr *xattrs;
	struct contents contents;
	char in[IN_SIZE];
};

/* The library asks for input. */
static la_ssize_t read_input(struct archive *a, void *ctx, const void **data)
{
	struct tar_reader *r = ctx;
	ssize_t n = stream_read(r->from, r->in, sizeof(r->in), &r->failed);

	*data = r->in;
	if (n > 0 && r->in_header) {
		r->header_bytes += (uint64_t)n;
		if (r->header_bytes > HEADER_MAX + IN_SIZE)
			n = error_set(&r->failed, ERROR_REFUSED,
				      "the archive has a header of more than "
				      "%llu bytes",
				      (unsigned long long)HEADER_MAX);
	}
	if (n < 0)
		archive_set_error(a, EIO, "input failed");
	return n;
}

/* The library's complaint, unless its input was to blame. */
static int reader_error(struct tar_reader *r, struct error *err)
{
	const char *text = archive_error_string(r->archive);

	if (r->failed.kind != ERROR_NONE) {
		*err = r->failed;
		return -1;
	}
	if (archive_errno(r->archive) == ENOMEM)
		return error_nomem(err, "reading an archive");
	return error_set(err, ERROR_INTEGRITY, "the archive is damaged: %s",
			 text ? text : "no details");
}

static ssize_t contents_read(struct stream *base, void *data, size_t len,
			     struct error *err);
static int contents_hole(struct stream *base, uint64_t *len, struct error *err);

/* Contents belong to the reader. */
static void contents_free(struct stream *base)
{
	(void)base;
}

static int open_archive(struct tar_reader *r, struct error *err)
{
	if (archive_library_load(err) < 0)
		return -1;
	r->archive = archive_read_new();
	if (!r->archive ||
	    archive_read_support_filter_none(r->archive) != ARCHIVE_OK ||
	    archive_read_support_format_tar(r->archive) != ARCHIVE_OK)
		return error_nomem(err, "reading an archive");
	r->in_header = true;
	if (archive_read_open(r->archive, r, NULL, read_input, NULL) !=
	    ARCHIVE_OK)
		return reader_error(r, err);
	return 0;
}

/* The library refuses an archive of no bytes; to everyone else it is empty. */
static int look_for_bytes(struct tar_reader *r, struct error *err)
{
	char first;
	ssize_t n = stream_read(r->from, &first, 1, err);

	if (n < 0)
		return -1;
	r->empty = n == 0;
	if (stream_unread(r->from, &first, (size_t)n, &r->from, err) < 0) {
		r->from = NULL;
		return -1;
	}
	return 0;
}

int tar_reader_new(struct stream *from, bool layer, struct tar_reader **ret,
		   struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *r = calloc(1, sizeof(*r));

	if (!r) {
		stream_free(from);
		return error_nomem(err, "reading an archive");
	}
	r->from = from;
	r->layer = layer;
	r->contents.base.read = contents_read;
	r->contents.base.hole = contents_hole;
	r->contents.base.free = contents_free;
	r->contents.reader = r;
	if (look_for_bytes(r, err) < 0 ||
	    (!r->empty && open_archive(r, err) < 0))
		return -1;
	*ret = steal_pointer(&r);
	return 0;
}

int tar_reader_open(int fd, struct tar_reader **ret, struct error *err)
{
	struct stream *raw = NULL, *plain = NULL;

	if (stream_from_pipe(fd, false, &raw, err) < 0 ||
	    stream_decompress(raw, NULL, &plain, err) < 0)
		return -1;
	return tar_reader_new(plain, false, ret, err);
}

static void clear_entry(struct tar_reader *r)
{
	free(r->path);
	free(r->link);
	free(r->xattrs);
	r->path = NULL;
	r->link = NULL;
	r->xattrs = NULL;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	clear_entry(r);
	if (r->archive)
		archive_read_free(r->archive);
	stream_free(r->from);
	free(r);
}

/* Get the next block of contents when the last is used up. */
static int next_block(struct contents *c, struct error *err)
{
	struct tar_reader *r = c->reader;
	const void *block;
	la_int64_t at;
	int status;

	while (c->len == 0 && !c->ended) {
		status = archive_read_data_block(r->archive, &block, &c->len,
						 &at);
		if (status == ARCHIVE_EOF) {
			c->len = 0;
			c->ended = true;
			break;
		}
		if (status < ARCHIVE_WARN)
			return reader_error(r, err);
		c->block = block;
		c->block_at = (uint64_t)at;
		/* Regions of a sparse file ascend and end with the file. */
		if (at < 0 || c->block_at < c->at || c->block_at > c->size ||
		    c->len > c->size - c->block_at)
			return error_set(err, ERROR_INTEGRITY,
					 "the archive is damaged: contents of "
					 "'%.200s' overlap",
					 r->path);
	}
	return 0;
}

/* Zeros from here to the next stored byte. */
static uint64_t hole_here(const struct contents *c)
{
	return (c->len > 0 ? c->block_at : c->size) - c->at;
}

static int contents_hole(struct stream *base, uint64_t *len, struct error *err)
{
	struct contents *c = (struct contents *)base;

	if (next_block(c, err) < 0)
		return -1;
	*len = hole_here(c);
	c->at += *len;
	return 0;
}

static ssize_t contents_read(struct stream *base, void *data, size_t len,
			     struct error *err)
{
	struct contents *c = (struct contents *)base;
	uint64_t hole;

	if (next_block(c, err) < 0)
		return -1;
	hole = hole_here(c);
	if (hole > 0) {
		len = hole < len ? (size_t)hole : len;
		memset(data, 0, len);
	} else {
		len = c->len < len ? c->len : len;
		if (len == 0)
			return 0;
		memcpy(data, c->block, len);
		c->block += len;
		c->block_at += len;
		c->len -= len;
	}
	c->at += len;
	return (ssize_t)len;
}

static int entry_type(struct tar_reader *r, struct archive_entry *e,
		      struct error *err)
{
	static const struct {
		mode_t mode;
		enum entry_type type;
	} types[] = {
		{ AE_IFREG, ENTRY_FILE },    { AE_IFDIR, ENTRY_DIR },
		{ AE_IFLNK, ENTRY_SYMLINK }, { AE_IFCHR, ENTRY_CHAR },
		{ AE_IFBLK, ENTRY_BLOCK },   { AE_IFIFO, ENTRY_FIFO },
	};
	size_t i;

	if (archive_entry_hardlink(e)) {
		r->entry.type = ENTRY_HARDLINK;
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(types); i++) {
		if (archive_entry_filetype(e) == types[i].mode) {
			r->entry.type = types[i].type;
			return 0;
		}
	}
	return error_set(err, ERROR_REFUSED,
			 "the archive holds '%.200s' of an unknown type",
			 r->path);
}

static int take_owner(struct tar_reader *r, struct archive_entry *e,
		      struct error *err)
{
	la_int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	/* The last id means "none" to the kernel. */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return error_set(
			err, ERROR_REFUSED,
			"'%.200s' in the archive belongs to %lld:%lld, "
			"which no system can store",
			r->path, (long long)uid, (long long)gid);
	r->entry.uid = (uint32_t)uid;
	r->entry.gid = (uint32_t)gid;
	return 0;
}

static int take_link(struct tar_reader *r, struct archive_entry *e,
		     struct error *err)
{
	const char *target;

	if (r->entry.type == ENTRY_HARDLINK) {
		target = archive_entry_hardlink(e);
		r->link = tar_name_clean(target, err);
		if (!r->link)
			return -1;
		if (archive_entry_size(e) > 0)
			return error_set(err, ERROR_REFUSED,
					 "the archive holds a hard link with "
					 "contents, '%.200s'",
					 r->path);
	} else if (r->entry.type == ENTRY_SYMLINK) {
		target = archive_entry_symlink(e);
		r->link = strdup(target ? target : "");
		if (!r->link)
			return error_nomem(err, "reading an archive");
		if (!*r->link)
			return error_set(err, ERROR_INTEGRITY,
					 "the archive holds a link to nowhere, "
					 "'%.200s'",
					 r->path);
	}
	r->entry.link = r->link;
	return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name,
		      ((const struct xattr *)b)->name);
}

/* Names and values stay the library's until the next header. */
static int take_xattrs(struct tar_reader *r, struct archive_entry *e,
		       struct error *err)
{
	int count = archive_entry_xattr_reset(e);
	const char *name;
	const void *value;
	size_t n = 0, size;

	if (count <= 0)
		return 0;
	r->xattrs = calloc((size_t)count, sizeof(*r->xattrs));
	if (!r->xattrs)
		return error_nomem(err, "reading an archive");
	while (n < (size_t)count &&
	       archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
		r->xattrs[n++] = (struct xattr){ .name = (char *)name,
						 .value = (void *)value,
						 .size = size };
	qsort(r->xattrs, n, sizeof(*r->xattrs), compare_xattrs);
	r->entry.xattrs = r->xattrs;
	r->entry.n_xattrs = n;
	return 0;
}

static void take_numbers(struct tar_reader *r, struct archive_entry *e)
{
	struct entry *ret = &r->entry;

	ret->mode = archive_entry_perm(e) & 07777;
	ret->mtime.tv_sec = archive_entry_mtime(e);
	ret->mtime.tv_nsec = archive_entry_mtime_nsec(e);
	if (ret->type == ENTRY_CHAR || ret->type == ENTRY_BLOCK) {
		ret->dev_major = (uint32_t)archive_entry_rdevmajor(e);
		ret->dev_minor = (uint32_t)archive_entry_rdevminor(e);
	}
	if (ret->type == ENTRY_FILE && archive_entry_size(e) > 0)
		ret->size = (uint64_t)archive_entry_size(e);
}

/* Turn whiteouts into what they mean; 0: leave the entry out, 1, -1. */
static int interpret_name(struct tar_reader *r, struct error *err)
{
	switch (tar_name_in_layer(r->path)) {
	case TAR_NAME_WHITEOUT:
		r->entry = (struct entry){ .type = ENTRY_WHITEOUT };
		break;
	case TAR_NAME_OPAQUE:
		r->entry = (struct entry){ .type = ENTRY_OPAQUE };
		break;
	case TAR_NAME_SKIP:
		return 0;
	case TAR_NAME_BAD:
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' is no valid whiteout", r->path);
	default:
		break;
	}
	r->entry.path = r->path;
	return 1;
}

/* 1, 0 when the entry is to be left out, or -1. */
static int take_entry(struct tar_reader *r, struct archive_entry *e,
		      struct error *err)
{
	const char *raw = archive_entry_pathname(e);

	clear_entry(r);
	r->entry = (struct entry){ 0 };
	if (!raw || !*raw)
		return error_set(err, ERROR_INTEGRITY,
				 "the archive holds an entry without a name");
	r->path = tar_name_clean(raw, err);
	if (!r->path)
		return -1;
	if (!*r->path)
		return 0;
	if (entry_type(r, e, err) < 0 || take_owner(r, e, err) < 0 ||
	    take_link(r, e, err) < 0 || take_xattrs(r, e, err) < 0)
		return -1;
	take_numbers(r, e);
	r->entry.path = r->path;
	return r->layer ? interpret_name(r, err) : 1;
}

/*
 * Names that are not UTF-8 make the library warn and hand out the raw bytes,
 * which is what we want. A header it could not make sense of is something else.
 */
static bool is_harmless(struct archive *a)
{
	const char *text = archive_error_string(a);

	return text && strstr(text, "can't be converted");
}

/* Move to the next header: 1, 0 at the end, -1. */
static int next_header(struct tar_reader *r, struct archive_entry **e,
		       struct error *err)
{
	int status;

	/* What is left of the last contents does not count as header. */
	if (!r->in_header && archive_read_data_skip(r->archive) < ARCHIVE_WARN)
		return reader_error(r, err);
	r->in_header = true;
	r->header_bytes = 0;
	status = archive_read_next_header(r->archive, e);
	if (status == ARCHIVE_EOF)
		return 0;
	if (status == ARCHIVE_OK ||
	    (status == ARCHIVE_WARN && is_harmless(r->archive))) {
		r->in_header = false;
		return 1;
	}
	return reader_error(r, err);
}

int tar_reader_next(struct tar_reader *r, const struct entry **ret,
		    struct stream **contents, struct error *err)
{
	struct archive_entry *e;
	int status;

	if (r->empty)
		return 0;
	do {
		status = next_header(r, &e, err);
		if (status <= 0)
			return status;
		status = take_entry(r, e, err);
	} while (status == 0);
	if (status < 0)
		return -1;
	r->contents.len = 0;
	r->contents.at = 0;
	r->contents.size = r->entry.size;
	r->contents.ended = r->entry.type != ENTRY_FILE;
	*ret = &r->entry;
	*contents = &r->contents.base;
	return 1;
}

int tar_reader_drain(struct tar_reader *r, struct error *err)
{
	ssize_t n;

	do
		n = stream_read(r->from, r->in, sizeof(r->in), err);
	while (n > 0);
	return n < 0 ? -1 : 0;
}
