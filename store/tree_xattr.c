#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "store/tree_private.h"

/* Larger lists are asked for in a second call. */
#define LIST_GUESS 1024

static char *proc_path(const struct tree_file *f, char *buf, size_t size)
{
	if (f->fd >= 0)
		snprintf(buf, size, "/proc/self/fd/%d", f->fd);
	else
		snprintf(buf, size, "/proc/self/fd/%d/%s", f->dirfd, f->name);
	return buf;
}

/* "fd/name" of at most 255 bytes, and with "/." the directory itself. */
#define PROC_PATH_SIZE 320

/* Where the file itself is open or is a directory, the link is meant. */
static bool through_link(const struct tree_file *f)
{
	return f->fd >= 0 || f->name[0] == '\0';
}

/* Since Linux 6.13; older headers do not know it. It has one number everywhere.
 */
#ifndef SYS_listxattrat
#define SYS_listxattrat 465
#endif

/* By the directory, at a third of the cost; false when the kernel cannot. */
static bool list_at(const struct tree_file *f, char *names, size_t size,
		    ssize_t *ret)
{
	if (f->fd >= 0 || f->name[0] == '\0')
		return false;
	*ret = syscall(SYS_listxattrat, f->dirfd, f->name, AT_SYMLINK_NOFOLLOW,
		       names, size);
	/* Filters that do not know it may say EPERM, which it never does. */
	return *ret >= 0 || (errno != ENOSYS && errno != EPERM);
}

static ssize_t list(const struct tree_file *f, char *names, size_t size)
{
	char path[PROC_PATH_SIZE];
	ssize_t n;

	if (list_at(f, names, size, &n))
		return n;
	proc_path(f, path, sizeof(path));
	return through_link(f) ? listxattr(path, names, size)
			       : llistxattr(path, names, size);
}

static int xattr_error(const struct tree_file *f, const char *action,
		       struct error *err)
{
	return error_sys(err, errno, "cannot %s extended attributes of '%s'",
			 action, f->name);
}

int tree_xattr_list(const struct tree_file *f, char **names, size_t *len,
		    struct error *err)
{
	size_t size = LIST_GUESS;
	autofree char *block = NULL;
	char guess[LIST_GUESS];
	ssize_t n = list(f, guess, sizeof(guess));

	*len = 0;
	*names = NULL;
	if (n == 0 || (n < 0 && errno == ENOTSUP))
		return 0;
	while (n < 0 && errno == ERANGE && size < (size_t)1 << 20) {
		free(block);
		size *= 8;
		block = malloc(size);
		if (!block)
			return error_nomem(err, "reading attributes");
		n = list(f, block, size);
	}
	if (n < 0)
		return xattr_error(f, "list", err);
	if (!block) {
		block = malloc((size_t)n + 1);
		if (!block)
			return error_nomem(err, "reading attributes");
		memcpy(block, guess, (size_t)n);
	}
	*len = (size_t)n;
	*names = steal_pointer(&block);
	return 0;
}

int tree_xattr_get(const struct tree_file *f, const char *name, struct buf *ret,
		   struct error *err)
{
	char path[PROC_PATH_SIZE];
	ssize_t n = 256;

	proc_path(f, path, sizeof(path));
	for (;;) {
		char *to = buf_reserve(ret, (size_t)n);
		ssize_t got;

		if (!to)
			return buf_check(ret, "reading attributes", err);
		got = through_link(f) ? getxattr(path, name, to, (size_t)n)
				      : lgetxattr(path, name, to, (size_t)n);
		if (got >= 0) {
			buf_commit(ret, (size_t)got);
			return 1;
		}
		if (errno == ENODATA || errno == EPERM || errno == EACCES)
			return 0;
		if (errno != ERANGE || n >= 1 << 17)
			return xattr_error(f, "read", err);
		n *= 8;
	}
}

int tree_xattr_set(const struct tree_file *f, const char *name,
		   const void *value, size_t size, struct error *err)
{
	char path[PROC_PATH_SIZE];
	int status;

	if (f->fd >= 0) {
		status = fsetxattr(f->fd, name, value, size, 0);
	} else {
		proc_path(f, path, sizeof(path));
		status = through_link(f)
				 ? setxattr(path, name, value, size, 0)
				 : lsetxattr(path, name, value, size, 0);
	}
	return status < 0 ? error_sys(err, errno, "cannot set attribute '%s'",
				      name)
			  : 0;
}

int tree_xattr_remove(const struct tree_file *f, const char *name,
		      struct error *err)
{
	char path[PROC_PATH_SIZE];
	int status;

	proc_path(f, path, sizeof(path));
	status = through_link(f) ? removexattr(path, name)
				 : lremovexattr(path, name);
	if (status < 0 && errno != ENODATA)
		return error_sys(err, errno, "cannot remove attribute '%s'",
				 name);
	return 0;
}
