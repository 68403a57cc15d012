/*
 * The bundle for an OCI runtime: config.json beside the root.
 *
 * The root comes as the container is to see it, with /dev, /sys and all other
 * mounts in it, made by the same code as for our own engine. That is what
 * keeps layers free of mount points, links inside the root, sources what they
 * were when they were opened, and devices closed without a device control
 * group. /proc belongs to the process namespace, which the runtime makes.
 * The other namespaces are ours already and are inherited.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/caps_names.h"
#include "builder/sandbox/container.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/oci_seccomp.h"
#include "builder/sandbox/userns.h"
#include "store/base/buf.h"
#include "store/base/confined.h"
#include "store/base/idmap.h"
#include "store/base/io.h"
#include "store/base/json.h"

#define SPEC_VERSION "1.0.2"
#define UMASK	     022
#define CAPS_COUNT   64

/* It is mounted by the runtime by its path, which must not lead elsewhere. */
int oci_provide_proc(struct container *c, struct error *err)
{
	autoclose int fd = -1;
	struct stat st;

	if (container_provide(c, "/proc", true, err) < 0)
		return -1;
	fd = confined_open(c->root, "/proc", O_PATH | O_NOFOLLOW, 0, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(err, ERROR_REFUSED,
				 "'/proc' is a symbolic link in the image; it "
				 "must be a directory to be mounted on");
	return 0;
}

/*
 * Of the host, as the runtime sees it: a /proc of our own process namespace,
 * without which it does not find itself, and control groups of the unified
 * kind that cannot be changed. Whatever it does not make there, nobody has to
 * take away when it is killed.
 */
int oci_prepare_host(struct container *c, struct error *err)
{
	const uint64_t attrs =
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
	struct error ignored = ERROR_INIT;
	autoclose int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct mount_target proc = { .root = top, .path = "proc" };
	const struct mount_target groups = { .root = top,
					     .path = "sys/fs/cgroup" };
	autoclose int groups_fd = -1;
	autoclose int proc_fd = -1;

	if (top < 0)
		return error_sys(err, errno, "cannot open '/'");
	groups_fd = mount_fs(c->engine->legacy_mounts, "cgroup2", NULL, 0,
			     attrs | MOUNT_ATTR_RDONLY, &groups, &ignored);
	if (groups_fd < 0 && ignored.sys == ENOENT)
		return error_set(err, ERROR_REFUSED,
				 "an OCI runtime needs /sys, which is not "
				 "mounted here (a chroot?); "
				 "--isolation=namespaces does not");
	proc_fd = mount_fs(c->engine->legacy_mounts, "proc", NULL, 0, attrs,
			   &proc, err);
	if (proc_fd < 0 && err->sys == EPERM)
		return error_wrap(err, "an OCI runtime needs a /proc with "
				       "nothing mounted on its files; "
				       "--isolation=namespaces does not");
	return proc_fd < 0 ? -1 : 0;
}

static json_t *strings(const char *const *items)
{
	json_t *list = json_array();

	for (size_t i = 0; items && items[i]; i++)
		if (json_array_append_new(list, json_string(items[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *capabilities(uint64_t caps)
{
	json_t *list = json_array();

	for (int i = 0; i < CAPS_COUNT; i++) {
		const char *name = caps_name(i);
		char text[40] = "CAP_";
		size_t n = 4;

		if (!name || !(caps & CAPS_BIT(i)))
			continue;
		for (; *name && n < sizeof(text) - 1; name++)
			text[n++] = *name >= 'a' && *name <= 'z'
					    ? (char)(*name - 'a' + 'A')
					    : *name;
		text[n] = '\0';
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* Leaving uid 0 empties all but the bounding set. */
static json_t *capability_sets(const struct container *c)
{
	uint64_t caps = container_caps(c);
	uint64_t own = c->sb->user.uid == 0 ? caps : 0;

	return json_pack("{s:o, s:o, s:o}", "bounding", capabilities(caps),
			 "permitted", capabilities(own), "effective",
			 capabilities(own));
}

static json_t *user(const struct sandbox_user *u)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < u->n_groups; i++)
		json_array_append_new(groups, json_integer(u->groups[i]));
	return json_pack("{s:I, s:I, s:i, s:o}", "uid", (json_int_t)u->uid,
			 "gid", (json_int_t)u->gid, "umask", UMASK,
			 "additionalGids", groups);
}

static const char *rlimit_name(int resource)
{
	static const char *const names[] = {
		[RLIMIT_CPU] = "RLIMIT_CPU",
		[RLIMIT_FSIZE] = "RLIMIT_FSIZE",
		[RLIMIT_DATA] = "RLIMIT_DATA",
		[RLIMIT_STACK] = "RLIMIT_STACK",
		[RLIMIT_CORE] = "RLIMIT_CORE",
		[RLIMIT_RSS] = "RLIMIT_RSS",
		[RLIMIT_NPROC] = "RLIMIT_NPROC",
		[RLIMIT_NOFILE] = "RLIMIT_NOFILE",
		[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
		[RLIMIT_AS] = "RLIMIT_AS",
		[RLIMIT_LOCKS] = "RLIMIT_LOCKS",
		[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
		[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
		[RLIMIT_NICE] = "RLIMIT_NICE",
		[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
		[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
	};

	return resource >= 0 && (size_t)resource < ARRAY_LEN(names)
		       ? names[resource]
		       : NULL;
}

/*
 * "Unlimited" has all bits set, for which jansson has no integer: its largest
 * one stands for it until the text is made.
 */
static json_int_t as_signed(uint64_t limit)
{
	return limit > INT64_MAX ? INT64_MAX : (json_int_t)limit;
}

static void append_config(struct buf *out, const char *text)
{
	static const char *const largest[] = {
		"\"hard\":9223372036854775807",
		"\"soft\":9223372036854775807",
	};
	static const size_t key_len = sizeof("\"hard\":") - 1;

	while (*text) {
		bool is_largest =
			!strncmp(text, largest[0], strlen(largest[0])) ||
			!strncmp(text, largest[1], strlen(largest[1]));

		if (!is_largest) {
			buf_append_char(out, *text++);
			continue;
		}
		buf_printf(out, "%.*s18446744073709551615", (int)key_len, text);
		text += strlen(largest[0]);
	}
}

/* As far as it goes, like our own engine: a runtime would fail instead. */
static json_t *rlimit(const struct container *c,
		      const struct sandbox_rlimit *want)
{
	bool may_raise = c->engine->is_initial_userns &&
			 c->engine->permitted & CAPS_BIT(CAP_SYS_RESOURCE);
	uint64_t hard = want->hard, soft = want->soft;
	struct rlimit now;

	if (!may_raise && getrlimit(want->resource, &now) == 0 &&
	    hard > now.rlim_max)
		hard = now.rlim_max;
	if (soft > hard)
		soft = hard;
	return json_pack("{s:s, s:I, s:I}", "type", rlimit_name(want->resource),
			 "hard", as_signed(hard), "soft", as_signed(soft));
}

static json_t *rlimits(const struct container *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->sb->n_rlimits; i++)
		json_array_append_new(list, rlimit(c, &c->sb->rlimits[i]));
	return list;
}

static json_t *process(const struct container *c)
{
	const struct sandbox *sb = c->sb;

	return json_pack("{s:b, s:o, s:o, s:o, s:s, s:o, s:o, s:b, s:s*}",
			 "terminal", (int)sb->terminal, "user", user(&sb->user),
			 "args", strings(sb->args), "env", strings(sb->env),
			 "cwd", sb->cwd ? sb->cwd : "/", "capabilities",
			 capability_sets(c), "rlimits", rlimits(c),
			 "noNewPrivileges", (int)sb->no_new_privs,
			 "apparmorProfile", sb->insecure ? NULL : sb->apparmor);
}

/*
 * Bound onto itself, /dev tells the runtime not to fill it. The flags are
 * those it has: some runtimes reset what is not said here.
 */
static json_t *mounts(const struct container *c, const char *root)
{
	const char *no_devices = c->sb->insecure ? "dev" : "nodev";
	AUTO(buf_release) struct buf dev = BUF_INIT;

	buf_printf(&dev, "%s/dev", root);
	if (dev.failed)
		return NULL;
	return json_pack("[{s:s, s:s, s:s, s:[s, s, s]},"
			 " {s:s, s:s, s:s, s:[s, s, s]}]",
			 "destination", "/proc", "type", "proc", "source",
			 "proc", "options", "nosuid", "noexec", "nodev",
			 "destination", "/dev", "type", "bind", "source",
			 dev.data, "options", "rbind", "nosuid", no_devices);
}

static json_t *proc_paths(const char *const *names, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_sprintf("/proc/%s", names[i]));
	return list;
}

static json_t *seccomp(const struct container *c)
{
	struct error ignored = ERROR_INIT;
	const char *rules = c->sb->seccomp_rules;

	return rules ? json_parse(rules, strlen(rules), "a profile", &ignored)
		     : oci_seccomp_default(container_caps(c));
}

/* A filter that is wanted and cannot be made is no bundle: never no filter. */
static json_t *linux_part(const struct container *c)
{
	bool is_filtered = !c->sb->insecure && !c->sb->no_seccomp;
	struct proc_protection p = container_proc_protection(c->sb);
	json_t *part =
		json_pack("{s:[{s:s}, {s:s}], s:o, s:o}", "namespaces", "type",
			  "pid", "type", "mount", "maskedPaths",
			  proc_paths(p.masked, p.n_masked), "readonlyPaths",
			  proc_paths(p.read_only, p.n_read_only));

	if (!is_filtered ||
	    json_object_set_new(part, "seccomp", seccomp(c)) == 0)
		return part;
	json_decref(part);
	return NULL;
}

int oci_write_bundle(struct container *c, struct error *err)
{
	AUTO(buf_release) struct buf root = BUF_INIT;
	AUTO(buf_release) struct buf out = BUF_INIT;
	AUTO(json_decref) json_t *config = NULL;
	autofree char *text = NULL;
	autoclose int fd = -1;

	if (!idmap_has_uid(c->sb->user.uid))
		return container_refuse_ids(c->sb, err);
	buf_printf(&root, "%s/" BUNDLE_ROOT, c->sb->work);
	if (buf_check(&root, "a path", err) < 0)
		return -1;
	config = json_pack("{s:s, s:{s:s, s:b}, s:o, s:o, s:o}", "ociVersion",
			   SPEC_VERSION, "root", "path", BUNDLE_ROOT,
			   "readonly", 0, "process", process(c), "mounts",
			   mounts(c, root.data), "linux", linux_part(c));
	if (!config)
		return error_set(err, ERROR_REFUSED,
				 "a command or variable that is not UTF-8 "
				 "cannot be handed to an OCI runtime; "
				 "--isolation=namespaces takes it");
	text = json_serialize(config, NULL, err);
	if (!text)
		return -1;
	append_config(&out, text);
	fd = openat(c->own, "config.json",
		    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (buf_check(&out, "config.json", err) < 0)
		return -1;
	if (fd < 0)
		return error_sys(err, errno, "cannot make config.json");
	return io_write(fd, out.data, out.len, "config.json", err);
}
