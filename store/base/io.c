#include "store/base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define COPY_CHUNK ((size_t)256 << 10)

ssize_t io_read(int fd, void *data, size_t len, const char *what,
		struct error *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read '%s'", what);
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t io_pread(int fd, void *data, size_t len, off_t offset, const char *what,
		 struct error *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)data + done, len - done,
				  offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read '%s'", what);
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int io_write(int fd, const void *data, size_t len, const char *what,
	     struct error *err)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot write '%s'", what);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_read_all(int fd, size_t max, const char *what, struct buf *buf,
		struct error *err)
{
	size_t left = max;

	for (;;) {
		/* One byte beyond the limit tells too long from just right. */
		size_t want = left < COPY_CHUNK ? left + 1 : COPY_CHUNK;
		char *dst = buf_reserve(buf, want);
		ssize_t n;

		if (!dst)
			return error_nomem(err, "reading a file");
		n = io_read(fd, dst, want, what, err);
		if (n < 0)
			return -1;
		if ((size_t)n > left)
			return error_set(err, ERROR_REFUSED,
					 "'%s' is larger than %zu bytes", what,
					 max);
		buf_commit(buf, (size_t)n);
		if ((size_t)n < want)
			return 0;
		left -= (size_t)n;
	}
}

int io_check_regular(int fd, const char *what, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot stat '%s'", what);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_REFUSED, "'%s' is no regular file",
				 what);
	return 0;
}

int io_read_file(int dirfd, const char *path, size_t max, struct buf *buf,
		 struct error *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	autoclose int fd =
		openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		int sys = errno;

		error_sys(err, sys, "cannot open '%s'", path);
		if (sys == ENOENT || sys == ENOTDIR)
			err->kind = ERROR_NOT_FOUND;
		return -1;
	}
	if (io_check_regular(fd, path, err) < 0)
		return -1;
	return io_read_all(fd, max, path, buf, err);
}

DIR *io_open_dir(int dirfd, const char *path)
{
	autoclose int fd = openat(
		dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		steal_fd(&fd);
	return dir;
}

int io_next_entry(DIR *dir, const char *what, const char **name,
		  struct error *err)
{
	struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
	} while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	if (!e)
		return errno ? error_sys(err, errno, "cannot list '%s'", what)
			     : 0;
	*name = e->d_name;
	return 1;
}

/* Flush the directory that holds `path`, so that a rename in it stays. */
static int sync_parent(int dirfd, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *parent =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	autoclose int fd = -1;

	if (!parent)
		return error_nomem(err, "writing a file");
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return error_sys(err, errno, "cannot flush '%s'", parent);
	return 0;
}

static int fill_file(int dirfd, const char *path, const void *data, size_t len,
		     mode_t mode, bool durable, struct error *err)
{
	autoclose int fd = openat(
		dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s'", path);
	if (io_write(fd, data, len, path, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'",
				 path);
	if (durable && fsync(fd) < 0)
		return error_sys(err, errno, "cannot flush '%s'", path);
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot close '%s'", path);
	return 0;
}

int io_replace_file(int dirfd, const char *path, const void *data, size_t len,
		    mode_t mode, bool durable, struct error *err)
{
	autofree char *aside = NULL;
	uint64_t nonce;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return error_sys(err, errno, "cannot get random bytes");
	if (asprintf(&aside, "%s.%016llx", path, (unsigned long long)nonce) <
	    0) {
		aside = NULL;
		return error_nomem(err, "writing a file");
	}
	if (fill_file(dirfd, aside, data, len, mode, durable, err) < 0) {
		unlinkat(dirfd, aside, 0);
		return -1;
	}
	if (renameat(dirfd, aside, dirfd, path) < 0) {
		error_sys(err, errno, "cannot replace '%s'", path);
		unlinkat(dirfd, aside, 0);
		return -1;
	}
	return durable ? sync_parent(dirfd, path, err) : 0;
}

static int copy_by_hand(int src, int dst, uint64_t *left, const char *what,
			struct error *err)
{
	autofree char *chunk = malloc(COPY_CHUNK);

	if (!chunk)
		return error_nomem(err, "copying a file");
	while (*left) {
		size_t want = *left < COPY_CHUNK ? (size_t)*left : COPY_CHUNK;
		ssize_t n = io_read(src, chunk, want, what, err);

		if (n < 0)
			return -1;
		if (!n)
			break;
		if (io_write(dst, chunk, (size_t)n, what, err) < 0)
			return -1;
		*left -= (uint64_t)n;
	}
	return 0;
}

/* Share or copy extents as far as the kernel can; never an error by itself. */
static void copy_in_kernel(int src, int dst, uint64_t *left)
{
	while (*left) {
		size_t want =
			*left < SSIZE_MAX / 2 ? (size_t)*left : SSIZE_MAX / 2;
		ssize_t n = copy_file_range(src, NULL, dst, NULL, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* 0 may be the end, or a file that only read() understands. */
		if (n <= 0)
			break;
		*left -= (uint64_t)n;
	}
}

int io_copy(int src, int dst, uint64_t len, const char *what, struct error *err)
{
	uint64_t left = len;

	copy_in_kernel(src, dst, &left);
	if (copy_by_hand(src, dst, &left, what, err) < 0)
		return -1;
	if (len != UINT64_MAX && left)
		return error_set(err, ERROR_INTEGRITY,
				 "'%s' ends %llu bytes early", what,
				 (unsigned long long)left);
	return 0;
}

int io_make_dirs(const char *path, mode_t mode, struct error *err)
{
	autofree char *copy = strdup(path);
	char *end;

	if (!copy)
		return error_nomem(err, "making directories");
	for (end = copy; *end; end += *end == '/') {
		char kept;

		end += strspn(end, "/");
		end += strcspn(end, "/");
		kept = *end;
		*end = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return error_sys(err, errno,
					 "cannot make directory '%s'", copy);
		*end = kept;
	}
	return 0;
}
