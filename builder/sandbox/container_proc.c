/* /proc and /sys of a container, and what is hidden in them. */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "store/base/cleanup.h"
#include "store/base/confined.h"

#define PSEUDO_ATTRS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV)

/*
 * What covers a file is the host's own /dev/null: still writable as a device,
 * but root in here must not change its mode or owner.
 */
#define COVER_ATTRS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

/* Relative to /proc or /sys; what this kernel lacks is skipped. */
static const char *const masked_proc[] = {
	"acpi",		 "asound", "interrupts",  "kcore",	"keys",
	"latency_stats", "scsi",   "sched_debug", "timer_list", "timer_stats",
};

static const char *const read_only_proc[] = {
	"bus", "fs", "irq", "sys", "sysrq-trigger",
};

static const char *const masked_sys[] = {
	"firmware",
	"devices/virtual/powercap",
	"fs/selinux",
};

struct proc_protection container_proc_protection(const struct sandbox *sb)
{
	if (sb->insecure)
		return (struct proc_protection){ 0 };
	return (struct proc_protection){
		.masked = masked_proc,
		.n_masked = ARRAY_LEN(masked_proc),
		.read_only = read_only_proc,
		.n_read_only = ARRAY_LEN(read_only_proc),
	};
}

/* Cover a file with /dev/null, a directory with an empty one of ours. */
static int mask(const struct container *c, int root, const char *path,
		struct error *err)
{
	const struct mount_target target = { .root = root, .path = path };
	autoclose int fd = confined_open(root, path, O_PATH, 0, err);
	struct stat st;

	if (fd < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return mount_bind(c->engine->legacy_mounts, AT_FDCWD,
				  "/dev/null", COVER_ATTRS, false, &target,
				  err);
	return mount_bind(c->engine->legacy_mounts, c->own, OWN_EMPTY,
			  PSEUDO_ATTRS | MOUNT_ATTR_RDONLY, false, &target,
			  err);
}

static int mask_all(const struct container *c, int root,
		    const char *const *paths, size_t n, struct error *err)
{
	/* An insecure container sees everything. */
	for (size_t i = 0; !c->sb->insecure && i < n; i++)
		if (mask(c, root, paths[i], err) < 0)
			return error_wrap(err, "cannot mask '%s'", paths[i]);
	return 0;
}

static int make_read_only(const struct container *c, int root, const char *path,
			  struct error *err)
{
	const struct mount_target target = { .root = root, .path = path };
	struct error ignored = ERROR_INIT;
	autoclose int fd = confined_open(root, path, O_PATH, 0, &ignored);

	if (fd < 0)
		return 0;
	return mount_bind(c->engine->legacy_mounts, fd, "", MOUNT_ATTR_RDONLY,
			  true, &target, err);
}

/* What is written through must be the file system it seems to be. */
static int check_magic(int fd, long magic, const char *what, struct error *err)
{
	struct statfs sfs;

	if (fstatfs(fd, &sfs) < 0)
		return error_sys(err, errno, "cannot look at %s", what);
	if (sfs.f_type != magic)
		return error_set(err, ERROR_REFUSED, "%s is not what it seems",
				 what);
	return 0;
}

/*
 * Mount a pseudo file system of our own, or where the kernel forbids that
 * (something is masked in the one we see, or the network namespace is not
 * ours) the one we see, with what is mounted on it.
 */
static int mount_pseudo(struct container *c, const char *type, const char *path,
			uint64_t attrs, struct error *err)
{
	const struct mount_target target = { .root = c->root,
					     .path = path,
					     .is_link_refused = true };
	bool legacy = c->engine->legacy_mounts;
	int fd;

	if (container_provide(c, path, true, err) < 0)
		return -1;
	fd = mount_fs(legacy, type, NULL, 0, attrs, &target, err);
	if (fd >= 0 || err->sys != EPERM)
		return fd;
	if (mount_bind(legacy, AT_FDCWD, path, attrs, true, &target, err) < 0)
		return -1;
	return confined_open(c->root, path, O_PATH | O_NOFOLLOW, 0, err);
}

int container_mount_proc(struct container *c, struct error *err)
{
	autoclose int proc =
		mount_pseudo(c, "proc", "/proc", PSEUDO_ATTRS, err);

	if (proc < 0 || check_magic(proc, PROC_SUPER_MAGIC, "/proc", err) < 0)
		return -1;
	if (mask_all(c, proc, masked_proc, ARRAY_LEN(masked_proc), err) < 0)
		return -1;
	for (size_t i = 0; !c->sb->insecure && i < ARRAY_LEN(read_only_proc);
	     i++)
		if (make_read_only(c, proc, read_only_proc[i], err) < 0)
			return error_wrap(err, "cannot protect /proc/%s",
					  read_only_proc[i]);
	return 0;
}

/* Only the unified hierarchy; where there is none, an empty directory stays. */
static void mount_cgroup(const struct container *c, int sys)
{
	const struct mount_target target = { .root = sys, .path = "fs/cgroup" };
	uint64_t attrs =
		PSEUDO_ATTRS | (c->sb->insecure ? 0 : MOUNT_ATTR_RDONLY);
	struct error ignored = ERROR_INIT;
	struct statfs sfs;
	int fd;

	if (statfs("/sys/fs/cgroup", &sfs) < 0 ||
	    sfs.f_type != CGROUP2_SUPER_MAGIC)
		return;
	fd = mount_fs(c->engine->legacy_mounts, "cgroup2", NULL, 0, attrs,
		      &target, &ignored);
	if (fd >= 0)
		close(fd);
}

int container_mount_sys(struct container *c, struct error *err)
{
	uint64_t attrs =
		PSEUDO_ATTRS | (c->sb->insecure ? 0 : MOUNT_ATTR_RDONLY);
	autoclose int sys = mount_pseudo(c, "sysfs", "/sys", attrs, err);

	if (sys < 0 || check_magic(sys, SYSFS_MAGIC, "/sys", err) < 0)
		return -1;
	mount_cgroup(c, sys);
	return mask_all(c, sys, masked_sys, ARRAY_LEN(masked_sys), err);
}
