/* Files of ours (/etc/hosts, /etc/resolv.conf) and the user's mounts. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/base/path.h"

static int open_scratch(const struct container *c, struct error *err)
{
	int fd = open(c->sb->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "cannot open '%s'",
				  c->sb->scratch)
		      : fd;
}

static int mount_file(struct container *c, const char *name, const char *path,
		      const char *contents, struct error *err)
{
	const struct mount_target target = { .root = c->root, .path = path };
	autoclose int fd = -1;

	if (!contents)
		return 0;
	fd = openat(c->own, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(err, errno, "cannot make %s", path);
	if (io_write(fd, contents, strlen(contents), path, err) < 0 ||
	    container_provide(c, path, false, err) < 0)
		return -1;
	return mount_bind(c->engine->legacy_mounts, fd, "",
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			  false, &target, err);
}

int container_mount_files(struct container *c, struct error *err)
{
	if (mount_file(c, "hosts", "/etc/hosts", c->sb->hosts, err) < 0)
		return -1;
	return mount_file(c, "resolv.conf", "/etc/resolv.conf",
			  c->sb->resolv_conf, err);
}

static uint64_t attrs_of(const struct container *c,
			 const struct sandbox_mount *m)
{
	bool has_devices = m->is_device || c->sb->insecure;
	/* Of the host's node only the device may be used, as in /dev. */
	bool read_only = m->read_only || m->is_device;

	return (read_only ? MOUNT_ATTR_RDONLY : 0) |
	       (m->no_exec ? MOUNT_ATTR_NOEXEC : 0) |
	       (has_devices ? 0 : MOUNT_ATTR_NODEV);
}

static int mount_tmpfs(struct container *c, const struct sandbox_mount *m,
		       const struct mount_target *target, struct error *err)
{
	char mode[16], size[24];
	struct fs_option options[2] = { { "mode", mode, false } };
	size_t n = 1;
	int fd;

	snprintf(mode, sizeof(mode), "%o", m->mode ? m->mode : 01777);
	snprintf(size, sizeof(size), "%" PRIu64, m->size_bytes);
	if (m->size_bytes)
		options[n++] = (struct fs_option){ "size", size, false };
	fd = mount_fs(c->engine->legacy_mounts, "tmpfs", options, n,
		      attrs_of(c, m) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		      target, err);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/*
 * Without detached copies a mount can only be bound from our own mount
 * namespace. The source is looked up there by its path and must turn out to
 * be the very file that is held.
 */
static int reopen_here(int held, struct error *err)
{
	struct stat want, got;
	char link[32], path[4096];
	autoclose int fd = -1;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", held);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return error_sys(err, errno, "cannot find a mount's source");
	path[len] = '\0';
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &got) < 0 || fstat(held, &want) < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (got.st_dev != want.st_dev || got.st_ino != want.st_ino)
		return error_set(err, ERROR_REFUSED,
				 "'%s' has changed while it was being mounted",
				 path);
	return steal_fd(&fd);
}

static int mount_source(struct container *c, const struct sandbox_mount *m,
			uint64_t attrs, const struct mount_target *target,
			struct error *err)
{
	autoclose int here = -1;

	if (!c->engine->legacy_mounts)
		return mount_attach(m->source_fd, attrs, true, target, err);
	here = reopen_here(m->source_fd, err);
	if (here < 0)
		return -1;
	return mount_bind(true, here, "", attrs, true, target, err);
}

/* A writable copy of one file. */
static int discard_file(struct container *c, const struct sandbox_mount *m,
			int dir, const struct mount_target *target,
			struct error *err)
{
	struct error ignored = ERROR_INIT;
	autoclose int in = -1;
	autoclose int out = -1;
	struct stat st;

	/* Attached first: what is not attached cannot be opened by path. */
	if (mount_source(c, m, MOUNT_ATTR_RDONLY, target, err) < 0)
		return -1;
	in = confined_open(c->root, target->path, O_RDONLY, 0, err);
	if (in < 0 || fstat(in, &st) < 0)
		return -1;
	out = openat(dir, "file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (out < 0)
		return error_sys(err, errno, "cannot make a copy of '%s'",
				 m->target);
	if (io_copy(in, out, UINT64_MAX, m->target, err) < 0)
		return -1;
	/* Where an owner cannot be kept, the copy is the user's. */
	if (fchown(out, st.st_uid, st.st_gid) < 0)
		error_sys(&ignored, errno, "owner of '%s'", m->target);
	if (fchmod(out, st.st_mode & 07777) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'",
				 m->target);
	return mount_bind(c->engine->legacy_mounts, out, "", attrs_of(c, m),
			  false, target, err);
}

static int discard_dir(struct container *c, const struct sandbox_mount *m,
		       int dir, const struct mount_target *target,
		       struct error *err)
{
	autoclose int lower = -1;
	autoclose int upper = -1;
	autoclose int work = -1;
	struct stat st;

	if (mount_source(c, m, MOUNT_ATTR_RDONLY, target, err) < 0)
		return -1;
	lower = confined_open(c->root, target->path, O_PATH, 0, err);
	if (lower < 0)
		return -1;
	if (fstat(lower, &st) < 0 || mkdirat(dir, "upper", 0700) < 0 ||
	    mkdirat(dir, "work", 0700) < 0)
		return error_sys(err, errno, "cannot make layers for '%s'",
				 m->target);
	upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	work = openat(dir, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0 || work < 0)
		return error_sys(err, errno, "cannot make layers for '%s'",
				 m->target);
	/* The root of an overlay looks like its upper directory. */
	if (fchown(upper, st.st_uid, st.st_gid) < 0 && !c->engine->single_id)
		return error_sys(err, errno, "cannot set the owner of '%s'",
				 m->target);
	if (fchmod(upper, st.st_mode & 07777) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'",
				 m->target);
	return container_stack(c, lower, upper, work, attrs_of(c, m), target,
			       err);
}

static int mount_discarding(struct container *c, const struct sandbox_mount *m,
			    size_t i, const struct mount_target *target,
			    struct error *err)
{
	autoclose int scratch = open_scratch(c, err);
	autoclose int dir = -1;
	char name[32];

	if (scratch < 0)
		return -1;
	snprintf(name, sizeof(name), "discard-%zu", i);
	if (mkdirat(scratch, name, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s/%s'",
				 c->sb->scratch, name);
	dir = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "cannot open '%s/%s'",
				 c->sb->scratch, name);
	return m->source_is_dir ? discard_dir(c, m, dir, target, err)
				: discard_file(c, m, dir, target, err);
}

/* Secrets and scripts: never on a disk, gone with the container. */
static int mount_copy(struct container *c, const struct sandbox_mount *m,
		      size_t i, const struct mount_target *target,
		      struct error *err)
{
	autoclose int fd = -1;
	char name[32];

	snprintf(name, sizeof(name), "file-%zu", i);
	fd = openat(c->own, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot make a file in memory");
	if (lseek(m->source_fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot read its contents");
	if (io_copy(m->source_fd, fd, UINT64_MAX, m->target, err) < 0)
		return -1;
	if ((m->uid || m->gid) && fchown(fd, m->uid, m->gid) < 0)
		return error_sys(err, errno, "cannot give it to %u:%u", m->uid,
				 m->gid);
	if (fchmod(fd, m->mode) < 0)
		return error_sys(err, errno, "cannot set its mode");
	return mount_bind(c->engine->legacy_mounts, fd, "",
			  attrs_of(c, m) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
			  false, target, err);
}

static int mount_one(struct container *c, size_t i, struct error *err)
{
	const struct sandbox_mount *m = &c->sb->mounts[i];
	const struct mount_target target = { .root = c->root,
					     .path = m->target };
	bool is_dir = m->kind == SANDBOX_MOUNT_TMPFS || m->source_is_dir;
	autofree char *clean = path_clean_rooted(m->target);

	if (!clean)
		return error_nomem(err, "a mount point");
	if (!*clean)
		return error_set(err, ERROR_REFUSED,
				 "nothing can be mounted on the root itself");
	if (container_provide(c, m->target, is_dir, err) < 0)
		return -1;
	if (m->kind == SANDBOX_MOUNT_TMPFS)
		return mount_tmpfs(c, m, &target, err);
	if (m->kind == SANDBOX_MOUNT_FILE)
		return mount_copy(c, m, i, &target, err);
	if (m->discard && !m->read_only)
		return mount_discarding(c, m, i, &target, err);
	return mount_source(c, m, attrs_of(c, m), &target, err);
}

int container_mount_user(struct container *c, struct error *err)
{
	for (size_t i = 0; i < c->sb->n_mounts; i++)
		if (mount_one(c, i, err) < 0)
			return error_wrap(err, "mounting '%s'",
					  c->sb->mounts[i].target);
	return 0;
}
