#include <archive.h>
#include <string.h>

#include "store/archive_library.h"
#include "store/compress.h"
#include "store/tar.h"
#include "store/tar_entry.h"

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
	struct tar_entry current;
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

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	tar_entry_clear(&r->current);
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
					 r->current.path);
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
		status = tar_entry_take(&r->current, e, r->layer, err);
	} while (status == 0);
	if (status < 0)
		return -1;
	r->contents.len = 0;
	r->contents.at = 0;
	r->contents.size = r->current.entry.size;
	r->contents.ended = r->current.entry.type != ENTRY_FILE;
	*ret = &r->current.entry;
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
