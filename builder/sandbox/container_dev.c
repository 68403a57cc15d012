/* /dev of a container: a tmpfs with the nodes every program may expect. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/userns.h"
#include "store/base/cleanup.h"
#include "store/base/confined.h"

#define SHM_SIZE_DEFAULT (UINT64_C(64) << 20)

static const struct {
	const char *name;
	unsigned minor;
	unsigned major;
} nodes[] = {
	{ "null", 3, 1 },   { "zero", 5, 1 },	 { "full", 7, 1 },
	{ "random", 8, 1 }, { "urandom", 9, 1 }, { "tty", 0, 5 },
};

static const struct {
	const char *name;
	const char *target;
} links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },	 { "ptmx", "pts/ptmx" },
};

/* Of the host's, where it has them, for a container without walls. */
static const char *const insecure_nodes[] = {
	"kmsg",	 "fuse",  "kvm",   "net/tun", "loop-control", "loop0", "loop1",
	"loop2", "loop3", "loop4", "loop5",   "loop6",	      "loop7",
};

/*
 * Where a node cannot be made, the host's own is put on an empty file. A
 * device can be written to through a read-only mount, but its mode and owner
 * are the host's to change.
 */
static int bind_node(struct container *c, const char *name, struct error *err)
{
	const struct mount_target target = { .root = c->dev, .path = name };
	char host[32];
	int fd = openat(c->dev, name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC,
			0666);

	if (fd < 0)
		return error_sys(err, errno, "cannot make /dev/%s", name);
	close(fd);
	snprintf(host, sizeof(host), "/dev/%s", name);
	return mount_bind(c->engine->legacy_mounts, AT_FDCWD, host,
			  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				  MOUNT_ATTR_NOEXEC,
			  false, &target, err);
}

/*
 * A mount of its own, on which devices work when /dev has lost them. Not the
 * host's node, whose mode root in here could change.
 */
static int bind_on_itself(struct container *c, const char *name,
			  struct error *err)
{
	const struct mount_target target = { .root = c->dev, .path = name };

	if (c->sb->insecure)
		return 0;
	return mount_bind(c->engine->legacy_mounts, c->dev, name, 0, false,
			  &target, err);
}

static int make_node(struct container *c, size_t i, struct error *err)
{
	dev_t number = makedev(nodes[i].major, nodes[i].minor);

	/* In a user namespace it never works, or yields a dead node. */
	if (!c->engine->is_initial_userns)
		return bind_node(c, nodes[i].name, err);
	if (mknodat(c->dev, nodes[i].name, S_IFCHR | 0666, number) == 0)
		return bind_on_itself(c, nodes[i].name, err);
	if (errno != EPERM)
		return error_sys(err, errno, "cannot make /dev/%s",
				 nodes[i].name);
	return bind_node(c, nodes[i].name, err);
}

static int make_nodes(struct container *c, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (make_node(c, i, err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i].target, c->dev, links[i].name) < 0)
			return error_sys(err, errno, "cannot make /dev/%s",
					 links[i].name);
	return 0;
}

static int add_host_node(struct container *c, const char *name,
			 struct error *err)
{
	char host[32];
	struct stat st;

	snprintf(host, sizeof(host), "/dev/%s", name);
	if (stat(host, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
		return 0;
	if (strchr(name, '/') && mkdirat(c->dev, "net", 0755) < 0)
		return error_sys(err, errno, "cannot make /dev/net");
	if (c->engine->is_initial_userns &&
	    mknodat(c->dev, name, st.st_mode, st.st_rdev) == 0)
		return 0;
	return bind_node(c, name, err);
}

static int add_host_nodes(struct container *c, struct error *err)
{
	for (size_t i = 0; c->sb->insecure && i < ARRAY_LEN(insecure_nodes);
	     i++)
		if (add_host_node(c, insecure_nodes[i], err) < 0)
			return -1;
	return 0;
}

/* A file system on a new directory of /dev. */
static int mount_below(struct container *c, const char *name, const char *type,
		       const struct fs_option *options, size_t n,
		       uint64_t attrs, struct error *err)
{
	const struct mount_target target = { .root = c->dev, .path = name };
	int fd;

	if (mkdirat(c->dev, name, 0755) < 0)
		return error_sys(err, errno, "cannot make /dev/%s", name);
	fd = mount_fs(c->engine->legacy_mounts, type, options, n, attrs,
		      &target, err);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int mount_pts(struct container *c, struct error *err)
{
	static const struct fs_option options[] = {
		{ "newinstance", NULL, true },
		{ "ptmxmode", "0666", false },
		{ "mode", "0620", false },
		{ "gid", "5", false }, /* tty */
	};
	size_t n = ARRAY_LEN(options);

	/* The last option goes when that group does not exist here. */
	if (c->engine->single_id)
		n--;
	return mount_below(c, "pts", "devpts", options, n,
			   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
}

static int mount_shm(struct container *c, struct error *err)
{
	uint64_t size = c->sb->shm_size_bytes ? c->sb->shm_size_bytes
					      : SHM_SIZE_DEFAULT;
	char text[24];
	const struct fs_option options[] = {
		{ "mode", "1777", false },
		{ "size", text, false },
	};

	snprintf(text, sizeof(text), "%" PRIu64, size);
	return mount_below(
		c, "shm", "tmpfs", options, ARRAY_LEN(options),
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV, err);
}

static int mount_mqueue(struct container *c, struct error *err)
{
	int r = mount_below(
		c, "mqueue", "mqueue", NULL, 0,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV, err);

	/* A kernel without message queues has none to separate either. */
	return r < 0 && err->sys == ENODEV ? 0 : r;
}

int container_mount_dev(struct container *c, struct error *err)
{
	static const struct fs_option options[] = {
		{ "mode", "755", false },
		{ "size", "65536k", false },
	};
	const struct mount_target target = { .root = c->root,
					     .path = "/dev",
					     .is_link_refused = true };

	if (container_provide(c, "/dev", true, err) < 0)
		return -1;
	c->dev = mount_fs(
		c->engine->legacy_mounts, "tmpfs", options, ARRAY_LEN(options),
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, &target, err);
	if (c->dev < 0 || make_nodes(c, err) < 0 ||
	    add_host_nodes(c, err) < 0 || mount_pts(c, err) < 0 ||
	    mount_shm(c, err) < 0)
		return -1;
	if (mount_mqueue(c, err) < 0)
		return -1;
	/* Nodes that a program makes with CAP_MKNOD open nothing. */
	if (c->sb->insecure)
		return 0;
	return mount_add_attrs(c->engine->legacy_mounts, c->dev,
			       MOUNT_ATTR_NODEV, err);
}
