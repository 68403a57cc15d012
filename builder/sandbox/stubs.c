#include "builder/sandbox/stubs.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/buf.h"
#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/base/path.h"

/*
 * The layer is a directory of ours, so resolving inside it finds no links. A
 * path that cannot be made here (a file where another needs a directory) is
 * left to the upper directory, which says what is wrong.
 */
static void fill(int dir, const char *path, bool is_dir)
{
	struct error ignored = ERROR_INIT;
	autofree char *parent = NULL;
	autoclose int fd = -1;
	char *slash;

	if (is_dir) {
		fd = confined_make_dirs(dir, path, 0755, (uid_t)-1, (gid_t)-1,
					&ignored);
		return;
	}
	parent = path_clean_rooted(path);
	slash = parent ? strrchr(parent, '/') : NULL;
	if (slash) {
		*slash = '\0';
		fd = confined_make_dirs(dir, parent, 0755, (uid_t)-1, (gid_t)-1,
					&ignored);
		if (fd >= 0)
			close(steal_fd(&fd));
	}
	fd = confined_open(dir, path, O_CREAT | O_RDONLY, 0644, &ignored);
}

int stubs_fill_layer(int dir, const struct sandbox *sb, struct error *err)
{
	static const char *const always[] = { "proc", "sys", "dev" };

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (mkdirat(dir, always[i], 0755) < 0)
			return error_sys(err, errno,
					 "cannot make a stub for /%s",
					 always[i]);
	if (sb->hosts)
		fill(dir, "etc/hosts", false);
	if (sb->resolv_conf)
		fill(dir, "etc/resolv.conf", false);
	for (size_t i = 0; i < sb->n_mounts; i++)
		fill(dir, sb->mounts[i].target,
		     sb->mounts[i].kind == SANDBOX_MOUNT_TMPFS ||
			     sb->mounts[i].source_is_dir);
	return 0;
}

struct stub {
	char *path; /* relative to the upper directory */
	struct stat st;
	bool is_untouched;
};

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int add(struct stubs *s, const char *path, const struct stat *st,
	       struct error *err)
{
	if (s->n == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 8;
		struct stub *items =
			reallocarray(s->items, capacity, sizeof(*items));

		if (!items)
			return error_nomem(err, "mount points");
		s->items = items;
		s->capacity = capacity;
	}
	s->items[s->n].path = strdup(path);
	if (!s->items[s->n].path)
		return error_nomem(err, "mount points");
	s->items[s->n].st = *st;
	s->n++;
	return 0;
}

/* Only what a set-up made is in there: a handful, no deeper than PATH_MAX. */
static int record_dir(struct stubs *s, int parent, const char *name,
		      struct buf *path, struct error *err)
{
	autodir DIR *dir = io_open_dir(parent, name);
	size_t len = path->len;
	struct dirent *d;

	if (!dir)
		return error_sys(err, errno, "cannot list '%s'", name);
	while ((d = readdir(dir))) {
		struct stat st;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) <
		    0)
			return error_sys(err, errno, "cannot look at '%s'",
					 d->d_name);
		buf_printf(path, "%s%s", len ? "/" : "", d->d_name);
		if (buf_check(path, "mount points", err) < 0 ||
		    add(s, path->data, &st, err) < 0)
			return -1;
		if (S_ISDIR(st.st_mode) && path->len < PATH_MAX &&
		    record_dir(s, dirfd(dir), d->d_name, path, err) < 0)
			return -1;
		buf_truncate(path, len);
	}
	return 0;
}

int stubs_record(struct stubs *s, const char *upper, struct error *err)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	s->upper = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->upper < 0)
		return error_sys(err, errno, "cannot open '%s'", upper);
	return record_dir(s, s->upper, ".", &path, err);
}

static void judge(const struct stubs *s, struct stub *stub)
{
	struct error ignored = ERROR_INIT;
	autoclose int fd = confined_open(s->upper, stub->path,
					 O_PATH | O_NOFOLLOW, 0, &ignored);
	struct stat st;

	stub->is_untouched = fd >= 0 && fstat(fd, &st) == 0 &&
			     st.st_ino == stub->st.st_ino &&
			     is_same_time(st.st_ctim, stub->st.st_ctim);
}

/* Remove one and put the time of its parent back. */
static void remove_one(const struct stubs *s, const struct stub *stub)
{
	struct error ignored = ERROR_INIT;
	const char *name;
	autoclose int held =
		confined_open_parent(s->upper, stub->path, &name, &ignored);
	autoclose int parent = -1;
	struct stat before, st;

	if (held < 0)
		return;
	parent = openat(held, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fstat(parent, &before) < 0 ||
	    fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_ino != stub->st.st_ino)
		return;
	if (unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		futimens(parent, (struct timespec[2]){ before.st_atim,
						       before.st_mtim });
}

void stubs_remove(struct stubs *s)
{
	/* Removing touches parents, so all are judged first. */
	for (size_t i = 0; i < s->n; i++)
		judge(s, &s->items[i]);
	for (size_t i = s->n; i > 0; i--)
		if (s->items[i - 1].is_untouched)
			remove_one(s, &s->items[i - 1]);
}

void stubs_release(struct stubs *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->items[i].path);
	free(s->items);
	if (s->upper >= 0)
		close(s->upper);
	*s = (struct stubs)STUBS_INIT;
}
