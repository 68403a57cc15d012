/* What a directory of a tree holds. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "store/tree_private.h"

#define LIST_SIZE 32768 /* of a getdents64(); a directory mostly fits */

void tree_names_release(struct tree_names *n)
{
	free(n->items);
	free(n->text);
	*n = (struct tree_names){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct tree_name *)a)->name,
		      ((const struct tree_name *)b)->name);
}

static bool is_dot(const char *name)
{
	return name[0] == '.' &&
	       (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Each name as its type, a byte, and its text. Returns how many there are. */
static ssize_t read_names(int fd, struct buf *ret)
{
	_Alignas(struct dirent64) char block[LIST_SIZE];
	ssize_t n, at, count = 0;

	while ((n = getdents64(fd, block, sizeof(block))) > 0) {
		for (at = 0; at < n;) {
			const struct dirent64 *d = (void *)(block + at);

			at += d->d_reclen;
			if (is_dot(d->d_name))
				continue;
			buf_append_char(ret, (char)d->d_type);
			buf_append(ret, d->d_name, strlen(d->d_name) + 1);
			count++;
		}
	}
	return n < 0 ? -1 : count;
}

/* `all` as read_names() left it, taken on success. */
static int sort_names(struct buf *all, size_t n, struct tree_names *ret,
		      struct error *err)
{
	struct tree_names list = { .n = n };
	char *at;
	size_t i;

	list.items = malloc((n ? n : 1) * sizeof(*list.items));
	if (!list.items)
		return error_nomem(err, "listing a directory");
	list.text = at = steal_pointer(&all->data);
	for (i = 0; i < n; i++) {
		list.items[i] =
			(struct tree_name){ at + 1, (unsigned char)at[0] };
		at += strlen(at + 1) + 2;
	}
	if (n > 1)
		qsort(list.items, n, sizeof(*list.items), compare_names);
	*ret = list;
	return 0;
}

/* Sorted names of the directory open at `fd`, which is told as `path`. */
static int list_open(int fd, const char *path, struct tree_names *ret,
		     struct error *err)
{
	AUTO(buf_release) struct buf all = BUF_INIT;
	ssize_t n = read_names(fd, &all);

	if (n < 0)
		return error_sys(err, errno, "cannot list '/%s'", path);
	if (buf_check(&all, "listing a directory", err) < 0)
		return -1;
	return sort_names(&all, (size_t)n, ret, err);
}

static int list_again(int dirfd, const char *path, struct tree_names *ret,
		      struct error *err)
{
	autoclose int fd =
		openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot list '/%s'", path);
	return list_open(fd, path, ret, err);
}

int tree_list_in(struct dir_stack *dirs, const char *path,
		 struct tree_names *ret, struct error *err)
{
	int fd = dir_stack_open(dirs, path, strlen(path), err);
	int status;

	if (fd < 0)
		return -1;
	/* The root is somebody else's, and may be listed by them, too. */
	if (fd == dirs->root)
		status = list_again(fd, path, ret, err);
	else if (lseek(fd, 0, SEEK_SET) < 0)
		status = error_sys(err, errno, "cannot list '/%s'", path);
	else
		status = list_open(fd, path, ret, err);
	return status < 0 ? -1 : fd;
}

int tree_list(struct tree *t, const char *path, struct tree_names *ret,
	      struct error *err)
{
	int dirfd = dir_stack_open(&t->dirs, path, strlen(path), err);

	if (dirfd < 0 && err->sys == ENOTDIR)
		err->kind = ERROR_NOT_FOUND;
	return dirfd < 0 ? -1 : list_again(dirfd, path, ret, err);
}
