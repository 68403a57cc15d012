/*
 * The root of a container, an overlay over the layers and a stub layer, and how
 * it is entered.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "store/base/buf.h"
#include "store/base/cleanup.h"

/* The kernel's own limit of overlay layers. */
#define LOWERS_MAX 500

/*
 * Layers are named by descriptor number relative to /proc/self/fd: no length
 * limit of paths or of mount(2)'s option page is met, nothing wants escaping,
 * and /proc/mounts inside shows no path of the host.
 */
struct layers {
	int lowers[LOWERS_MAX];
	size_t n;
	int upper;
	int work;
};

static int open_dir(const char *path, struct error *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", path) : fd;
}

static void layers_close(struct layers *l)
{
	while (l->n)
		close(l->lowers[--l->n]);
	if (l->upper >= 0)
		close(l->upper);
	if (l->work >= 0)
		close(l->work);
}
DEFINE_RELEASE(struct layers, layers_close);

/* A build may be publishing it, which is one rename. */
static int open_lower(const struct sandbox *sb, size_t i, struct error *err)
{
	const char *pending = sb->pending ? sb->pending[i] : NULL;
	int fd = pending ? open_dir(pending, err) : -1;

	if (fd >= 0 || (pending && err->sys != ENOENT))
		return fd;
	return open_dir(sb->lowers[i], err);
}

static int layers_open(struct layers *l, const struct sandbox *sb,
		       struct error *err)
{
	if (sb->n_lowers >= LOWERS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "the image has %zu layers, more than the %d "
				 "that can be stacked",
				 sb->n_lowers, LOWERS_MAX - 1);
	for (; l->n < sb->n_lowers; l->n++) {
		l->lowers[l->n] = open_lower(sb, l->n, err);
		if (l->lowers[l->n] < 0)
			return -1;
	}
	l->upper = open_dir(sb->upper, err);
	if (l->upper < 0)
		return -1;
	l->work = open_dir(sb->work, err);
	return l->work < 0 ? -1 : 0;
}

struct number {
	char text[12];
};

/* Options that name a layer, then those that are the same for all. */
#define OPTIONS_MAX (LOWERS_MAX + 16)

struct overlay_options {
	struct number numbers[LOWERS_MAX + 2];
	size_t n_numbers;
	struct fs_option items[OPTIONS_MAX];
	size_t n;
};

static void name_layer(struct overlay_options *o, const char *key, int fd)
{
	struct number *number = &o->numbers[o->n_numbers++];

	snprintf(number->text, sizeof(number->text), "%d", fd);
	o->items[o->n++] =
		(struct fs_option){ .key = key, .value = number->text };
}

static void add_common(struct overlay_options *o, const struct container *c)
{
	/*
	 * nofollow: an image cannot point the overlay elsewhere with xattrs of
	 * its own. volatile: nothing is synced here, the store does that once
	 * per build.
	 */
	static const struct fs_option common[] = {
		{ "index", "off", true },    { "xino", "off", true },
		{ "metacopy", "off", true }, { "uuid", "null", true },
		{ "volatile", NULL, true },
	};
	static const struct fs_option xattrs = { "userxattr", NULL, false };
	static const struct fs_option redirects = { "redirect_dir", "nofollow",
						    true };

	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		o->items[o->n++] = common[i];
	o->items[o->n++] = c->engine->is_initial_userns ? redirects : xattrs;
}

static int mount_by_fsconfig(const struct container *c, const struct layers *l,
			     uint64_t attrs, const struct mount_target *target,
			     struct error *err)
{
	struct overlay_options o;

	o.n = o.n_numbers = 0;
	for (size_t i = 0; i < l->n; i++)
		name_layer(&o, "lowerdir+", l->lowers[i]);
	name_layer(&o, "upperdir", l->upper);
	name_layer(&o, "workdir", l->work);
	add_common(&o, c);
	return mount_fs(false, "overlay", o.items, o.n, attrs, target, err);
}

/* Before Linux 6.5 the layers are one option, which only mount(2) takes. */
static int mount_by_string(const struct container *c, const struct layers *l,
			   uint64_t attrs, const struct mount_target *target,
			   struct error *err)
{
	AUTO(buf_release) struct buf lowers = BUF_INIT;
	struct overlay_options o;

	for (size_t i = 0; i < l->n; i++)
		buf_printf(&lowers, "%s%d", i ? ":" : "", l->lowers[i]);
	if (buf_check(&lowers, "overlay layers", err) < 0)
		return -1;
	o.n = o.n_numbers = 0;
	o.items[o.n++] = (struct fs_option){ "lowerdir", lowers.data, false };
	name_layer(&o, "upperdir", l->upper);
	name_layer(&o, "workdir", l->work);
	add_common(&o, c);
	return mount_fs(true, "overlay", o.items, o.n, attrs, target, err);
}

static int mount_layers(const struct container *c, const struct layers *l,
			uint64_t attrs, const struct mount_target *target,
			struct error *err)
{
	int root;

	if (chdir("/proc/self/fd") < 0)
		return error_sys(err, errno,
				 "cannot enter /proc/self/fd (is /proc "
				 "mounted?)");
	if (!c->engine->legacy_mounts) {
		root = mount_by_fsconfig(c, l, attrs, target, err);
		/* EINVAL: this kernel does not know lowerdir+. */
		if (root >= 0 || err->sys != EINVAL)
			return root;
	}
	return mount_by_string(c, l, attrs, target, err);
}

int container_stack(const struct container *c, int lower, int upper, int work,
		    uint64_t attrs, const struct mount_target *target,
		    struct error *err)
{
	const struct layers l = {
		.lowers = { lower },
		.n = 1,
		.upper = upper,
		.work = work,
	};
	autoclose int fd = mount_layers(c, &l, attrs, target, err);

	return fd < 0 ? -1 : 0;
}

/*
 * Memory for our own small files: the stub layer, /etc/hosts and the like.
 * On disk they would cost more than all the rest of a trivial RUN. Any
 * directory of ours will do as the place; the layers are held already.
 */
static int mount_own_files(struct container *c,
			   const struct mount_target *place, struct error *err)
{
	static const struct fs_option options[] = {
		{ "mode", "755", false },
		{ "size", "65536k", false },
	};

	c->own = mount_fs(c->engine->legacy_mounts, "tmpfs", options,
			  ARRAY_LEN(options),
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, place, err);
	if (c->own < 0)
		return -1;
	if (mkdirat(c->own, OWN_EMPTY, 0755) < 0)
		return error_sys(err, errno, "cannot make an empty directory");
	return 0;
}

static int add_stub_layer(const struct container *c, struct layers *l,
			  struct error *err)
{
	int stub;

	if (mkdirat(c->own, "stub", 0755) < 0)
		return error_sys(err, errno, "cannot make the stub layer");
	stub = openat(c->own, "stub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (stub < 0)
		return error_sys(err, errno, "cannot open the stub layer");
	l->lowers[l->n++] = stub;
	return stubs_fill_layer(stub, c->sb, err);
}

/*
 * The work directory, since it is at hand. A runtime finds the root in a
 * folder there, beside the rest of its bundle; see oci_bundle.c.
 */
static int place_root(const struct container *c,
		      const struct mount_target *place,
		      struct mount_target *ret, struct error *err)
{
	*ret = *place;
	if (c->sb->isolation != SANDBOX_ISOLATION_OCI)
		return 0;
	*ret = (struct mount_target){ .root = c->own, .path = BUNDLE_ROOT };
	if (mkdirat(c->own, BUNDLE_ROOT, 0755) < 0)
		return error_sys(err, errno, "cannot make a bundle");
	return 0;
}

int container_mount_root(struct container *c, struct error *err)
{
	AUTO(layers_close) struct layers l = { .upper = -1, .work = -1 };
	autoclose int top = open_dir("/", err);
	const struct mount_target place = { .root = top, .path = c->sb->work };
	struct mount_target target;

	if (top < 0 || layers_open(&l, c->sb, err) < 0 ||
	    mount_own_files(c, &place, err) < 0 ||
	    add_stub_layer(c, &l, err) < 0 ||
	    place_root(c, &place, &target, err) < 0)
		return -1;
	/* With CAP_MKNOD a program could make any device of the host's. */
	c->root = mount_layers(c, &l, c->sb->insecure ? 0 : MOUNT_ATTR_NODEV,
			       &target, err);
	if (c->root >= 0)
		return 0;
	if (err->sys == EPERM && !c->engine->is_initial_userns)
		return error_wrap(err,
				  "users cannot mount overlay here; they "
				  "can since Linux 5.11, unless a security "
				  "module forbids it");
	if (err->sys == EINVAL)
		return error_wrap(err,
				  "overlay does not take '%s' (the store must "
				  "not lie on overlay, NFS or the like; --root "
				  "puts it elsewhere)",
				  c->sb->upper);
	return -1;
}

/*
 * In a chroot "/" is no mount, and nothing can be done to it. Joining our own
 * namespace once more leads out, to the namespace's root.
 */
static int leave_chroot(struct error *err)
{
	autoclose int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (ns < 0 || setns(ns, CLONE_NEWNS) < 0)
		return error_sys(err, errno, "cannot leave the chroot");
	return 0;
}

/*
 * Where the host shares its mounts, as systemd has it, ours would appear
 * there, and pivot_root() refuses. What the host unmounts goes here as well.
 */
int container_isolate_mounts(struct container *c, struct error *err)
{
	const unsigned long flags = MS_SLAVE | MS_REC;
	autoclose int here = -1;

	(void)c;
	if (mount(NULL, "/", NULL, flags, NULL) == 0)
		return 0;
	here = open_dir("/", err);
	if (here < 0 || leave_chroot(err) < 0)
		return -1;
	if (mount(NULL, "/", NULL, flags, NULL) < 0)
		return error_sys(err, errno, "cannot keep mounts apart");
	if (fchdir(here) < 0 || chroot(".") < 0)
		return error_sys(err, errno, "cannot return to the chroot");
	return 0;
}

/*
 * The old root ends up on top of the new one at the same place, and is taken
 * off with everything mounted on it.
 */
static int change_root(const struct container *c, struct error *err)
{
	if (fchdir(c->root) < 0)
		return error_sys(err, errno, "cannot enter the new root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_sys(err, errno, "cannot change the root");
	return 0;
}

/*
 * An initramfs is the lowest root there is and cannot be taken off: ours goes
 * on top of it, which is where ".." and the namespace's root lead to as well.
 */
static int cover_root(const struct container *c, struct error *err)
{
	if (fchdir(c->root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0)
		return error_sys(err, errno, "cannot cover the root");
	return 0;
}

int container_enter_root(struct container *c, struct error *err)
{
	int r = change_root(c, err);

	if (r < 0 && err->sys == EINVAL && leave_chroot(err) == 0)
		r = change_root(c, err);
	if (r < 0 && (err->sys != EINVAL || cover_root(c, err) < 0))
		return -1;
	if (r == 0 && umount2(".", MNT_DETACH) < 0)
		return error_sys(err, errno, "cannot detach the old root");
	if (chdir("/") < 0)
		return error_sys(err, errno, "cannot enter the new root");
	return 0;
}
