/* What there is to mount on in a container's root. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/sandbox/container.h"
#include "store/base/confined.h"
#include "store/base/path.h"

/* What is left of a cleaned path without its last component. */
static void drop_name(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

/*
 * The directory whose listing changes when `path` is made: the deepest of its
 * parents that exists.
 */
static int open_existing_parent(int root, const char *path, struct error *err)
{
	autofree char *parent = path_clean_rooted(path);
	int fd;

	if (!parent)
		return error_nomem(err, "a mount point");
	for (;;) {
		drop_name(parent);
		fd = confined_open(root, parent, O_RDONLY | O_DIRECTORY, 0,
				   err);
		if (fd >= 0 || err->sys != ENOENT || !*parent)
			return fd;
	}
}

static int make_file(int root, const char *path, struct error *err)
{
	autofree char *parent = path_clean_rooted(path);
	autoclose int dir = -1;

	if (!parent)
		return error_nomem(err, "a mount point");
	drop_name(parent);
	dir = confined_make_dirs(root, parent, 0755, (uid_t)-1, (gid_t)-1, err);
	if (dir < 0)
		return -1;
	return confined_open(root, path, O_CREAT | O_RDONLY, 0644, err);
}

/* Make `path`, leaving the time of the directory it appears in as it was. */
static int make_point(struct container *c, const char *path, bool is_dir,
		      struct error *err)
{
	autoclose int parent = open_existing_parent(c->root, path, err);
	autoclose int made = -1;
	struct stat st, root_st;

	if (parent < 0 || fstat(parent, &st) < 0 ||
	    fstat(c->root, &root_st) < 0)
		return error_wrap(err, "cannot provide '%s'", path);
	made = is_dir ? confined_make_dirs(c->root, path, 0755, (uid_t)-1,
					   (gid_t)-1, err)
		      : make_file(c->root, path, err);
	if (made < 0)
		return error_wrap(err, "cannot provide '%s'", path);
	futimens(parent, (struct timespec[2]){ st.st_atim, st.st_mtim });
	/* In a mount of the container it is none of the layer's concern. */
	if (st.st_dev == root_st.st_dev)
		c->made_stubs = true;
	return 0;
}

/* Where the dangling link at `path` points, or NULL. The caller frees. */
static char *dangling_target(int root, const char *path)
{
	struct error ignored = ERROR_INIT;
	autoclose int fd =
		confined_open(root, path, O_PATH | O_NOFOLLOW, 0, &ignored);
	autofree char *parent = NULL;
	char text[4096];
	ssize_t len;

	if (fd < 0)
		return NULL;
	len = readlinkat(fd, "", text, sizeof(text) - 1);
	if (len <= 0)
		return NULL;
	text[len] = '\0';
	parent = path_clean_rooted(path);
	if (!parent)
		return NULL;
	drop_name(parent);
	return path_join(*parent ? parent : "/", text);
}

int container_provide(struct container *c, const char *path, bool is_dir,
		      struct error *err)
{
	autofree char *next = NULL;

	/* As many links in a row as the kernel would follow. */
	for (int links = 0; links < 40; links++) {
		const char *now = next ? next : path;
		autoclose int fd = confined_open(c->root, now, O_PATH, 0, err);
		struct stat st;
		char *target;

		if (fd >= 0 && fstat(fd, &st) == 0) {
			if (S_ISDIR(st.st_mode) == is_dir)
				return 0;
			return error_set(err, ERROR_REFUSED,
					 "cannot mount on '%s': it is %s "
					 "directory in the image",
					 path, is_dir ? "no" : "a");
		}
		if (err->sys != ENOENT)
			return error_wrap(err, "cannot mount on '%s'", path);
		target = dangling_target(c->root, now);
		if (!target)
			return make_point(c, now, is_dir, err);
		free(next);
		next = target;
	}
	return error_set(err, ERROR_REFUSED,
			 "cannot mount on '%s': too many links", path);
}
