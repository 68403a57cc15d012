#include "builder/sandbox/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "builder/sandbox/mount_table.h"
#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/confined.h"

/* "/proc/self/fd/N", for system calls that want a path. */
struct fd_path {
	char text[32];
};

static struct fd_path fd_path(int fd)
{
	struct fd_path p;

	snprintf(p.text, sizeof(p.text), "/proc/self/fd/%d", fd);
	return p;
}

static bool is_missing(int result)
{
	return result < 0 && (errno == ENOSYS || errno == EPERM);
}

/*
 * The calls of the new API with a descriptor that is none, which they say.
 * Each may be missing by itself: they are of different age, and profiles name
 * them singly.
 */
static bool mount_calls_exist(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return !is_missing(fsconfig(-1, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) &&
	       !is_missing(fsmount(-1, FSMOUNT_CLOEXEC, 0)) &&
	       !is_missing(
		       open_tree(-1, "", OPEN_TREE_CLONE | AT_EMPTY_PATH)) &&
	       !is_missing(
		       move_mount(-1, "", -1, "", MOVE_MOUNT_F_EMPTY_PATH)) &&
	       !is_missing(mount_setattr(-1, "", AT_EMPTY_PATH, &attr,
					 sizeof(attr)));
}

bool mount_api_works(void)
{
	autoclose int fd = -1;

	if (getenv("SHALE_NO_FSOPEN") || !mount_calls_exist())
		return false;
	fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
	return fd >= 0;
}

static int open_target(const struct mount_target *target, struct error *err)
{
	int flags = O_PATH | (target->is_link_refused ? O_NOFOLLOW : 0);
	autoclose int fd =
		confined_open(target->root, target->path, flags, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!target->is_link_refused)
		return steal_fd(&fd);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'",
				 target->path);
	if (S_ISLNK(st.st_mode))
		return error_set(err, ERROR_REFUSED,
				 "'%s' is a symbolic link in the image; it "
				 "must be a directory to be mounted on",
				 target->path);
	return steal_fd(&fd);
}

static int configure(int fs, const struct fs_option *o, const char *type,
		     struct error *err)
{
	int r = o->value
			? fsconfig(fs, FSCONFIG_SET_STRING, o->key, o->value, 0)
			: fsconfig(fs, FSCONFIG_SET_FLAG, o->key, NULL, 0);

	if (r == 0 || o->optional)
		return 0;
	return error_sys(err, errno, "%s refuses option %s%s%s", type, o->key,
			 o->value ? "=" : "", o->value ? o->value : "");
}

static int mount_fs_new(const char *type, const struct fs_option *options,
			size_t n, uint64_t attrs,
			const struct mount_target *target, struct error *err)
{
	autoclose int fs = fsopen(type, FSOPEN_CLOEXEC);
	autoclose int mnt = -1;
	autoclose int on = -1;

	if (fs < 0)
		return error_sys(err, errno, "cannot open file system %s",
				 type);
	for (size_t i = 0; i < n; i++)
		if (configure(fs, &options[i], type, err) < 0)
			return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_sys(err, errno, "cannot create file system %s",
				 type);
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
	if (mnt < 0)
		return error_sys(err, errno, "cannot mount %s", type);
	on = open_target(target, err);
	if (on < 0)
		return -1;
	if (move_mount(mnt, "", on, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount %s on '%s'", type,
				 target->path);
	return steal_fd(&mnt);
}

static unsigned long legacy_flags(uint64_t attrs)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
	} table[] = {
		{ MOUNT_ATTR_RDONLY, MS_RDONLY },
		{ MOUNT_ATTR_NOSUID, MS_NOSUID },
		{ MOUNT_ATTR_NODEV, MS_NODEV },
		{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
		{ MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (attrs & table[i].attr)
			flags |= table[i].flag;
	return flags;
}

/* mount(2) wants one string. */
static int join_options(const struct fs_option *options, size_t n,
			bool with_optional, struct buf *text, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].optional && !with_optional)
			continue;
		buf_printf(text, "%s%s%s%s", text->len ? "," : "",
			   options[i].key, options[i].value ? "=" : "",
			   options[i].value ? options[i].value : "");
	}
	return buf_check(text, "mount options", err);
}

/* One unknown option spoils them all: optional ones go together. */
static int mount_fs_legacy(const char *type, const struct fs_option *options,
			   size_t n, uint64_t attrs,
			   const struct mount_target *target, struct error *err)
{
	autoclose int on = open_target(target, err);
	struct fd_path where;

	if (on < 0)
		return -1;
	where = fd_path(on);
	for (int with_optional = 1; with_optional >= 0; with_optional--) {
		AUTO(buf_release) struct buf text = BUF_INIT;

		if (join_options(options, n, with_optional, &text, err) < 0)
			return -1;
		/* `on` is what lies beneath; looked up again, it is the new. */
		if (mount(type, where.text, type, legacy_flags(attrs),
			  text.data) == 0)
			return open_target(target, err);
		if (errno != EINVAL)
			break;
	}
	return error_sys(err, errno, "cannot mount %s on '%s'", type,
			 target->path);
}

int mount_fs(bool legacy, const char *type, const struct fs_option *options,
	     size_t n_options, uint64_t attrs,
	     const struct mount_target *target, struct error *err)
{
	return legacy ? mount_fs_legacy(type, options, n_options, attrs, target,
					err)
		      : mount_fs_new(type, options, n_options, attrs, target,
				     err);
}

int mount_detached_copy(int dirfd, const char *path, bool recursive,
			struct error *err)
{
	int fd = open_tree(dirfd, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				   (recursive ? AT_RECURSIVE : 0));

	if (fd < 0)
		return error_sys(err, errno, "cannot copy the mount of '%s'",
				 path);
	return fd;
}

int mount_attach(int copy, uint64_t attrs, bool recursive,
		 const struct mount_target *target, struct error *err)
{
	struct mount_attr set = {
		.attr_set = attrs,
		/* What the host mounts later is none of the container's. */
		.propagation = MS_PRIVATE,
	};
	autoclose int on = open_target(target, err);

	if (on < 0)
		return -1;
	if (mount_setattr(copy, "",
			  AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &set,
			  sizeof(set)) < 0)
		return error_sys(err, errno, "cannot set mount flags for '%s'",
				 target->path);
	if (move_mount(copy, "", on, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_sys(err, errno, "cannot mount on '%s'",
				 target->path);
	return 0;
}

/*
 * A remount in a user namespace must repeat the flags that are locked, so
 * all that are set are repeated.
 */
static unsigned long flags_of_mount(int fd)
{
	static const struct {
		unsigned long have;
		unsigned long flag;
	} table[] = {
		{ ST_RDONLY, MS_RDONLY },     { ST_NOSUID, MS_NOSUID },
		{ ST_NODEV, MS_NODEV },	      { ST_NOEXEC, MS_NOEXEC },
		{ ST_NOATIME, MS_NOATIME },   { ST_NODIRATIME, MS_NODIRATIME },
		{ ST_RELATIME, MS_RELATIME },
	};
	struct statvfs sfs;
	unsigned long flags = 0;

	if (fstatvfs(fd, &sfs) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (sfs.f_flag & table[i].have)
			flags |= table[i].flag;
	return flags;
}

static int add_flags(int fd, uint64_t attrs)
{
	return mount(NULL, fd_path(fd).text, NULL,
		     MS_REMOUNT | MS_BIND | legacy_flags(attrs) |
			     flags_of_mount(fd),
		     NULL);
}

/* A remount is of one mount; those that came along need one each. */
static int add_flags_below(int fd, uint64_t attrs, struct error *err)
{
	AUTO(strv_release) struct strv paths = STRV_INIT;

	if (mount_table_below(fd, &paths, err) < 0)
		return -1;
	for (size_t i = 0; i < paths.len; i++) {
		autoclose int made =
			open(paths.items[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (made < 0 || add_flags(made, attrs) < 0)
			return error_sys(err, errno,
					 "cannot set mount flags for '%s'",
					 paths.items[i]);
	}
	return 0;
}

static int bind_legacy(int dirfd, const char *path, uint64_t attrs,
		       bool recursive, const struct mount_target *target,
		       struct error *err)
{
	unsigned long rec = recursive ? MS_REC : 0;
	autoclose int on = open_target(target, err);
	autoclose int source = -1;
	autoclose int made = -1;

	if (on < 0)
		return -1;
	source = *path ? openat(dirfd, path, O_PATH | O_CLOEXEC)
		       : fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (source < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (mount(fd_path(source).text, fd_path(on).text, NULL, MS_BIND | rec,
		  NULL) < 0)
		return error_sys(err, errno, "cannot mount on '%s'",
				 target->path);
	made = open_target(target, err);
	if (made < 0)
		return -1;
	if (mount(NULL, fd_path(made).text, NULL, MS_PRIVATE | rec, NULL) < 0 ||
	    (attrs && add_flags(made, attrs) < 0))
		return error_sys(err, errno, "cannot set mount flags for '%s'",
				 target->path);
	return attrs && recursive ? add_flags_below(made, attrs, err) : 0;
}

int mount_bind(bool legacy, int dirfd, const char *path, uint64_t attrs,
	       bool recursive, const struct mount_target *target,
	       struct error *err)
{
	autoclose int copy = -1;

	if (legacy)
		return bind_legacy(dirfd, path, attrs, recursive, target, err);
	copy = mount_detached_copy(dirfd, path, recursive, err);
	if (copy < 0)
		return -1;
	return mount_attach(copy, attrs, recursive, target, err);
}

int mount_add_attrs(bool legacy, int fd, uint64_t attrs, struct error *err)
{
	struct mount_attr set = { .attr_set = attrs };
	int r = legacy ? add_flags(fd, attrs)
		       : mount_setattr(fd, "", AT_EMPTY_PATH, &set,
				       sizeof(set));

	return r < 0 ? error_sys(err, errno, "cannot set mount flags") : 0;
}
