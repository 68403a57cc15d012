#include "builder/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "store/archive_library.h"

#define TAR_BLOCK 512
#define READ_SIZE ((size_t)128 << 10)

static const struct {
	size_t len;
	const char *magic;
	int (*support)(struct archive *a);
} compressions[] = {
	{ 3, "\x1f\x8b\x08", archive_read_support_filter_gzip },
	{ 3, "BZh", archive_read_support_filter_bzip2 },
	{ 6,
	  "\xfd"
	  "7zXZ\0",
	  archive_read_support_filter_xz },
	{ 4, "\x28\xb5\x2f\xfd", archive_read_support_filter_zstd },
};

/* Decompression by libarchive, of which only the filters are used. */
struct unpack_stream {
	struct stream base;
	struct archive *archive;
	struct stream *inner;
	struct error inner_error; /* what `inner` said, if it failed */
	char data[READ_SIZE];
};

static la_ssize_t unpack_fill(struct archive *a, void *ctx, const void **data)
{
	struct unpack_stream *u = ctx;
	ssize_t n = stream_read(u->inner, u->data, sizeof(u->data),
				&u->inner_error);

	if (n < 0)
		archive_set_error(a, EIO, "cannot read the archive");
	*data = u->data;
	return n;
}

static int unpack_failed(struct unpack_stream *u, struct error *err)
{
	if (u->inner_error.kind != ERROR_NONE) {
		*err = u->inner_error;
		return -1;
	}
	return error_set(err, ERROR_INTEGRITY, "damaged archive: %s",
			 archive_error_string(u->archive));
}

static ssize_t unpack_read(struct stream *s, void *data, size_t len,
			   struct error *err)
{
	struct unpack_stream *u = (struct unpack_stream *)s;
	la_ssize_t n = archive_read_data(u->archive, data, len);

	return n < 0 ? unpack_failed(u, err) : n;
}

static void unpack_free(struct stream *s)
{
	struct unpack_stream *u = (struct unpack_stream *)s;

	archive_read_free(u->archive);
	stream_free(u->inner);
	free(u);
}

/* Takes `inner`, also on failure. */
static int unpack_new(struct stream *inner, int (*support)(struct archive *a),
		      struct stream **ret, struct error *err)
{
	struct unpack_stream *u = calloc(1, sizeof(*u));
	struct archive_entry *entry;

	if (!u) {
		stream_free(inner);
		return error_nomem(err, "an archive");
	}
	u->base = (struct stream){ .read = unpack_read, .free = unpack_free };
	u->inner = inner;
	if (archive_library_load(err) < 0) {
		stream_free(inner);
		free(u);
		return -1;
	}
	u->archive = archive_read_new();
	if (!u->archive) {
		unpack_free(&u->base);
		return error_nomem(err, "an archive");
	}
	if (support(u->archive) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(u->archive) < ARCHIVE_WARN ||
	    archive_read_open(u->archive, u, NULL, unpack_fill, NULL) !=
		    ARCHIVE_OK ||
	    archive_read_next_header(u->archive, &entry) < ARCHIVE_WARN) {
		unpack_failed(u, err);
		unpack_free(&u->base);
		return -1;
	}
	*ret = &u->base;
	return 0;
}

/* The sum of a header's bytes with its own field as blanks, in octal. */
static bool is_tar_header(const unsigned char *block)
{
	enum { SUM_AT = 148, SUM_LEN = 8 };
	uint64_t sum = 0, want = 0;
	const unsigned char *p = block + SUM_AT;
	const unsigned char *end = p + SUM_LEN;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];
	while (p < end && *p == ' ')
		p++;
	if (p == end || *p < '0' || *p > '7')
		return false;
	for (; p < end && *p >= '0' && *p <= '7'; p++)
		want = want * 8 + (uint64_t)(*p - '0');
	return sum == want && block[0] != '\0';
}

static int (*find_filter(const char *head, ssize_t len))(struct archive *a)
{
	for (size_t i = 0; i < sizeof(compressions) / sizeof(*compressions);
	     i++)
		if ((size_t)len >= compressions[i].len &&
		    memcmp(head, compressions[i].magic, compressions[i].len) ==
			    0)
			return compressions[i].support;
	return NULL;
}

/* Put `len` bytes back in front of `*s`. */
static int unread(struct stream **s, const void *data, size_t len,
		  struct error *err)
{
	struct stream *inner = steal_pointer(s);

	return stream_unread(inner, data, len, s, err);
}

/*
 * A file that only looks compressed is no archive: damage before the first
 * header means that it is copied as it is.
 */
static bool forgive(struct error *err)
{
	if (err->kind != ERROR_INTEGRITY)
		return false;
	error_clear(err);
	return true;
}

/*
 * Look at the first block of `*s`, of which nothing is lost; `*len` is short
 * only when there is no more.
 */
static int peek(struct stream **s, char block[TAR_BLOCK], ssize_t *len,
		struct error *err)
{
	*len = stream_read_full(*s, block, TAR_BLOCK, err);
	return *len < 0 ? -1 : unread(s, block, (size_t)*len, err);
}

int archive_open(int fd, off_t offset, uint64_t size, struct stream **ret,
		 struct error *err)
{
	AUTO(stream_free) struct stream *s = NULL;
	int (*support)(struct archive * a);
	char block[TAR_BLOCK];
	ssize_t n;

	if (stream_from_fd(fd, true, offset, size, &s, err) < 0 ||
	    peek(&s, block, &n, err) < 0)
		return -1;
	support = find_filter(block, n);
	if (support) {
		struct stream *inner = steal_pointer(&s);

		if (unpack_new(inner, support, &s, err) < 0)
			return forgive(err) ? 0 : -1;
		n = stream_read_full(s, block, sizeof(block), err);
		if (n < 0)
			return forgive(err) ? 0 : -1;
		if (unread(&s, block, (size_t)n, err) < 0)
			return -1;
	}
	if (n < TAR_BLOCK || !is_tar_header((unsigned char *)block))
		return 0;
	*ret = steal_pointer(&s);
	return 1;
}

static bool is_tar_start(const char *block, ssize_t n)
{
	static const char zeros[TAR_BLOCK];

	return n == TAR_BLOCK && (is_tar_header((const unsigned char *)block) ||
				  memcmp(block, zeros, TAR_BLOCK) == 0);
}

int archive_from_stream(struct stream **from, struct stream **ret,
			struct error *err)
{
	AUTO(stream_free) struct stream *s = steal_pointer(from);
	int (*support)(struct archive * a);
	char block[TAR_BLOCK];
	ssize_t n;

	if (peek(&s, block, &n, err) < 0)
		return -1;
	support = find_filter(block, n);
	if (support) {
		struct stream *inner = steal_pointer(&s);

		if (unpack_new(inner, support, &s, err) < 0 ||
		    peek(&s, block, &n, err) < 0)
			return -1;
	}
	if (is_tar_start(block, n)) {
		*ret = steal_pointer(&s);
		return 1;
	}
	if (support)
		return error_set(err, ERROR_REFUSED,
				 "what is compressed is no tar archive");
	*from = steal_pointer(&s);
	return 0;
}
