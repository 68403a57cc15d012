#include "store/layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/blob.h"
#include "store/tar_header.h"

struct layout {
	int fd;	 /* archive: borrowed */
	int dir; /* or the directory; its descriptor holds the lock */
};

static int new_layout(int fd, int dir, struct layout **ret, struct error *err)
{
	struct layout *l = malloc(sizeof(*l));

	if (!l)
		return error_nomem(err, "writing an image layout");
	*l = (struct layout){ .fd = fd, .dir = dir };
	*ret = l;
	return 0;
}

void layout_free(struct layout *l)
{
	if (!l)
		return;
	if (l->dir >= 0)
		close(l->dir);
	free(l);
}

int layout_dir_fd(const struct layout *l)
{
	return l->dir;
}

/* One header; everything but name and size is the same for all. */
static int put_header(struct layout *l, char type, const char *name,
		      uint64_t size, struct error *err)
{
	const struct tar_header header = {
		.type = type,
		.name = name,
		.link = "",
		.mode = type == '5' ? 0755 : 0644,
		.size = size,
	};
	const struct buf none = BUF_INIT;
	AUTO(buf_release) struct buf out = BUF_INIT;

	if (tar_header_append(&out, &header, &none, false, err) < 0 ||
	    buf_check(&out, "writing an archive", err) < 0)
		return -1;
	return io_write(l->fd, out.data, out.len, "the archive", err);
}

static int put_zeros(struct layout *l, size_t len, struct error *err)
{
	static const char zeros[2 * TAR_BLOCK];

	return io_write(l->fd, zeros, len, "the archive", err);
}

int layout_to_archive(int fd, struct layout **ret, struct error *err)
{
	AUTO(layout_free) struct layout *l = NULL;

	if (new_layout(fd, -1, &l, err) < 0 ||
	    put_header(l, '5', "blobs/", 0, err) < 0 ||
	    put_header(l, '5', "blobs/sha256/", 0, err) < 0)
		return -1;
	*ret = steal_pointer(&l);
	return 0;
}

int layout_to_dir(const char *dir, struct layout **ret, struct error *err)
{
	static const char *const folders[] = { "blobs", "blobs/sha256" };
	autoclose int fd = -1;
	size_t i;

	if (io_make_dirs(dir, 0777, err) < 0)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", dir);
	if (lock_fd(fd, LOCK_EXCLUSIVE, dir, NULL, err) < 0)
		return -1;
	for (i = 0; i < ARRAY_LEN(folders); i++)
		if (mkdirat(fd, folders[i], 0777) < 0 && errno != EEXIST)
			return error_sys(err, errno, "cannot make '%s/%s'", dir,
					 folders[i]);
	if (new_layout(-1, fd, ret, err) < 0)
		return -1;
	steal_fd(&fd);
	return 0;
}

/* Beside its place first, so that a reader never sees half of it. */
static int fill_blob(struct layout *l, const char *path, const char *aside,
		     struct stream *from, struct error *err)
{
	AUTO(sink_free) struct sink *to = NULL;
	autoclose int fd = openat(
		l->dir, aside,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);

	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s'", aside);
	if (sink_to_fd(fd, "the image layout", &to, err) < 0 ||
	    stream_copy(from, to, err) < 0)
		return -1;
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%s'", aside);
	if (renameat(l->dir, aside, l->dir, path) < 0)
		return error_sys(err, errno, "cannot rename '%s'", aside);
	return 0;
}

static int put_blob_file(struct layout *l, const char *path,
			 struct stream *from, struct error *err)
{
	autofree char *aside = NULL;

	if (asprintf(&aside, "%s.part", path) < 0) {
		aside = NULL;
		return error_nomem(err, "writing an image layout");
	}
	if (fill_blob(l, path, aside, from, err) == 0)
		return 0;
	unlinkat(l->dir, aside, 0);
	return -1;
}

static int put_blob_member(struct layout *l, const char *path, int64_t size,
			   struct stream *from, struct error *err)
{
	AUTO(sink_free) struct sink *to = NULL;

	if (put_header(l, '0', path, (uint64_t)size, err) < 0 ||
	    sink_to_fd(l->fd, "the archive", &to, err) < 0 ||
	    stream_copy(from, to, err) < 0)
		return -1;
	return put_zeros(l, tar_padding((uint64_t)size), err);
}

#define BLOB_PATH_SIZE (sizeof("blobs/sha256/") + DIGEST_HEX_LEN)

static void blob_path(char *path, const struct digest *digest)
{
	snprintf(path, BLOB_PATH_SIZE, "blobs/sha256/%s", digest_hex(digest));
}

bool layout_has_blob(const struct layout *l, const struct digest *digest,
		     int64_t size)
{
	char path[BLOB_PATH_SIZE];
	struct stat st;

	blob_path(path, digest);
	return l->dir >= 0 &&
	       fstatat(l->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_size == size;
}

int layout_put_stream(struct layout *l, const struct digest *digest,
		      int64_t size, struct stream *raw, struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	char path[BLOB_PATH_SIZE];
	int ret;

	blob_path(path, digest);
	if (stream_verify(raw, size, digest, &from, err) < 0)
		return -1;
	ret = l->dir >= 0 ? put_blob_file(l, path, from, err)
			  : put_blob_member(l, path, size, from, err);
	return ret < 0 ? error_wrap(err, "writing blob %s", digest->text) : 0;
}

int layout_put_blob(struct layout *l, struct batch *b,
		    const struct digest *digest, int64_t size,
		    struct error *err)
{
	struct stream *raw;
	int fd;

	if (layout_has_blob(l, digest, size))
		return 0;
	fd = blob_open(batch_store(b), b, digest, NULL, err);
	if (fd < 0)
		return error_wrap(err, "writing blob %s", digest->text);
	if (stream_from_fd(fd, true, 0, UINT64_MAX, &raw, err) < 0)
		return -1;
	return layout_put_stream(l, digest, size, raw, err);
}

int layout_put_file(struct layout *l, const char *name, const char *data,
		    size_t len, struct error *err)
{
	if (l->dir >= 0)
		return io_replace_file(l->dir, name, data, len, 0644, false,
				       err);
	if (put_header(l, '0', name, len, err) < 0 ||
	    io_write(l->fd, data, len, "the archive", err) < 0)
		return -1;
	return put_zeros(l, tar_padding(len), err);
}

int layout_finish(struct layout *l, struct error *err)
{
	return l->dir >= 0 ? 0 : put_zeros(l, 2 * TAR_BLOCK, err);
}
