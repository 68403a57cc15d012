#include "store/blob.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"

/* "blobs/sha256/" and the digits */
struct blob_path {
	char text[sizeof("blobs/sha256/") + DIGEST_HEX_LEN];
};

struct blob_writer {
	struct sink sink; /* first: the sink is the writer */
	struct batch *batch;
	struct hash *hash;
	char *name;
	int fd;
	uint64_t size_bytes;
};

static struct blob_path blob_path(const struct digest *digest)
{
	struct blob_path path;

	snprintf(path.text, sizeof(path.text), "blobs/sha256/%s",
		 digest_hex(digest));
	return path;
}

int blob_open(struct store *s, struct batch *b, const struct digest *digest,
	      uint64_t *size_bytes, struct error *err)
{
	struct blob_path path = blob_path(digest);
	autoclose int fd = -1;
	struct stat st;

	if (b && batch_pin(b, path.text, err) < 0)
		return -1;
	fd = batch_open_object(s, b, path.text, O_RDONLY, err);
	if (fd < 0) {
		if (err->kind == ERROR_NOT_FOUND)
			error_set(err, ERROR_NOT_FOUND,
				  "no blob '%s' in the store", digest->text);
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot stat '%s'", path.text);
	if (size_bytes)
		*size_bytes = (uint64_t)st.st_size;
	return steal_fd(&fd);
}

bool blob_exists(struct store *s, struct batch *b, const struct digest *digest)
{
	struct error ignored;
	autoclose int fd = blob_open(s, b, digest, NULL, &ignored);

	return fd >= 0;
}

int blob_read(struct store *s, struct batch *b, const struct digest *digest,
	      size_t max, struct buf *ret, struct error *err)
{
	autoclose int fd = blob_open(s, b, digest, NULL, err);
	size_t start = ret->len;
	struct digest found;

	if (fd < 0)
		return -1;
	if (io_read_all(fd, max, digest->text, ret, err) < 0)
		return -1;
	digest_bytes(ret->data + start, ret->len - start, &found);
	if (!digest_equal(&found, digest))
		return error_set(err, ERROR_INTEGRITY,
				 "the blob '%s' in the store is damaged: its "
				 "digest is %s",
				 digest->text, found.text);
	return 0;
}

int blob_put(struct batch *b, const void *data, size_t len,
	     struct digest *digest, struct error *err)
{
	AUTO(blob_writer_free) struct blob_writer *w = NULL;
	struct digest found;

	digest_bytes(data, len, &found);
	if (digest)
		*digest = found;
	if (blob_exists(batch_store(b), b, &found))
		return 0;
	if (blob_writer_new(b, &w, err) < 0 ||
	    sink_write(blob_writer_sink(w), data, len, err) < 0)
		return -1;
	return blob_writer_commit(w, &found, (int64_t)len, NULL, NULL, err);
}

int blob_adopt(struct batch *b, const char *name, const struct digest *digest,
	       struct error *err)
{
	struct blob_path path = blob_path(digest);

	return batch_add_object(b, name, path.text, err);
}

static int write_to_blob(struct sink *s, const void *data, size_t len,
			 struct error *err)
{
	struct blob_writer *w = (struct blob_writer *)s;

	if (io_write(w->fd, data, len, "a new blob", err) < 0)
		return -1;
	hash_update(w->hash, data, len);
	w->size_bytes += len;
	return 0;
}

/* The sink belongs to the writer and ends with it. */
static void keep_sink(struct sink *s)
{
	(void)s;
}

int blob_writer_new(struct batch *b, struct blob_writer **ret,
		    struct error *err)
{
	AUTO(blob_writer_free) struct blob_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return error_nomem(err, "writing a blob");
	w->sink = (struct sink){ .write = write_to_blob, .free = keep_sink };
	w->batch = b;
	w->fd = -1;
	if (hash_new(&w->hash, err) < 0)
		return -1;
	w->fd = batch_fresh_file(b, "blob", &w->name, err);
	if (w->fd < 0)
		return -1;
	*ret = steal_pointer(&w);
	return 0;
}

void blob_writer_free(struct blob_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	/* Committed blobs have given their name away. */
	if (w->name)
		unlinkat(batch_fd(w->batch), w->name, 0);
	hash_free(w->hash);
	free(w->name);
	free(w);
}

struct sink *blob_writer_sink(struct blob_writer *w)
{
	return &w->sink;
}

static int check_announced(const struct blob_writer *w,
			   const struct digest *found,
			   const struct digest *expected, int64_t expected_size,
			   struct error *err)
{
	if (expected_size >= 0 && w->size_bytes != (uint64_t)expected_size)
		return error_set(err, ERROR_INTEGRITY,
				 "blob has %llu bytes, %lld were announced",
				 (unsigned long long)w->size_bytes,
				 (long long)expected_size);
	if (expected && !digest_equal(found, expected))
		return error_set(err, ERROR_INTEGRITY,
				 "blob has digest %s, %s was announced",
				 found->text, expected->text);
	return 0;
}

int blob_writer_commit(struct blob_writer *w, const struct digest *expected,
		       int64_t expected_size, struct digest *digest,
		       uint64_t *size_bytes, struct error *err)
{
	struct digest found;

	hash_digest(w->hash, &found);
	if (check_announced(w, &found, expected, expected_size, err) < 0)
		return -1;
	if (close(steal_fd(&w->fd)) < 0)
		return error_sys(err, errno, "cannot write a blob");
	if (!blob_exists(batch_store(w->batch), w->batch, &found)) {
		if (blob_adopt(w->batch, w->name, &found, err) < 0)
			return -1;
		free(steal_pointer(&w->name));
	}
	if (digest)
		*digest = found;
	if (size_bytes)
		*size_bytes = w->size_bytes;
	return 0;
}
