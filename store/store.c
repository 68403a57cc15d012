#include "store/store.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/base/lock.h"

#define VERSION	    1
#define VERSION_MAX 64 /* bytes of the version file */

struct store {
	char *path;
	int fd;
	const char *xattr_prefix;
	const struct store_fetcher *fetcher;
};

static const char *const folders[] = {
	"blobs",  "blobs/sha256",  "names",	"lists",
	"layers", "layers/sha256", "snapshots", "cache",
	"mounts", "files",	   "tmp",
};

/*
 * Root of the machine, or of a container that shares its user namespace; a
 * user inside a namespace of his own is root there, too.
 */
static bool is_real_root(void)
{
	AUTO(buf_release) struct buf map = BUF_INIT;
	unsigned long inside, outside, count;
	struct error ignored;

	if (geteuid() != 0)
		return false;
	if (io_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &map, &ignored) <
	    0)
		return true;
	return sscanf(map.data, "%lu %lu %lu", &inside, &outside, &count) ==
		       3 &&
	       inside == 0 && outside == 0 && count == 4294967295UL;
}

/* An absolute path from the environment, or NULL; relative ones are ignored. */
static const char *env_path(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* Where the store is when nobody says. */
static char *default_path(struct error *err)
{
	const char *base = env_path("XDG_DATA_HOME"), *below = "/shale";
	char *path;

	if (is_real_root())
		base = "/var/lib";
	if (!base) {
		base = env_path("HOME");
		below = "/.local/share/shale";
	}
	if (!base) {
		error_set(err, ERROR_USAGE,
			  "no place for the store: HOME is not set; give "
			  "--root or set SHALE_ROOT");
		return NULL;
	}
	if (asprintf(&path, "%s%s", base, below) < 0) {
		error_nomem(err, "opening the store");
		return NULL;
	}
	return path;
}

static char *choose_path(const char *root, struct error *err)
{
	const char *env = getenv("SHALE_ROOT");
	char *path;

	if (!root && env && env[0])
		root = env;
	if (!root)
		return default_path(err);
	if (!root[0]) {
		error_set(err, ERROR_USAGE, "the store's root is empty");
		return NULL;
	}
	path = strdup(root);
	if (!path)
		error_nomem(err, "opening the store");
	return path;
}

static bool is_empty_dir(int fd)
{
	autodir DIR *dir = io_open_dir(fd, ".");
	struct error ignored;
	const char *name;
	int rc;

	if (!dir)
		return false;
	/* A fresh volume is not quite empty. */
	while ((rc = io_next_entry(dir, "the store", &name, &ignored)) > 0)
		if (strcmp(name, "lost+found"))
			return false;
	return rc == 0;
}

static int open_root(struct store *s, const char *path, struct error *err)
{
	if (io_make_dirs(path, 0700, err) < 0)
		return -1;
	s->path = realpath(path, NULL);
	if (!s->path)
		return error_sys(err, errno, "cannot resolve '%s'", path);
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return error_sys(err, errno, "cannot open '%s'", s->path);
	return 0;
}

/* 1 when the version is ours, 0 when there is none yet. */
static int check_version(struct store *s, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error problem = ERROR_INIT;
	unsigned long version;
	char *end;

	if (io_read_file(s->fd, "version", VERSION_MAX, &text, &problem) < 0) {
		if (problem.kind == ERROR_NOT_FOUND)
			return 0;
		*err = problem;
		return -1;
	}
	version = strtoul(text.data, &end, 10);
	if (end == text.data || (*end && *end != '\n') || !version)
		return error_set(err, ERROR_INTEGRITY,
				 "'%s/version' is damaged", s->path);
	if (version > VERSION)
		return error_set(err, ERROR_REFUSED,
				 "the store '%s' has format %lu, this program "
				 "knows up to %d: use a newer one, or another "
				 "--root",
				 s->path, version, VERSION);
	return 1;
}

static int make_folders(struct store *s, struct error *err)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(folders); i++)
		if (mkdirat(s->fd, folders[i], 0700) < 0 && errno != EEXIST)
			return error_sys(err, errno,
					 "cannot make directory '%s/%s'",
					 s->path, folders[i]);
	return 0;
}

/* Make the store whole; the version comes last. */
static int set_up(struct store *s, struct error *err)
{
	int known = check_version(s, err);
	char text[16];
	int len;

	if (known < 0)
		return -1;
	if (!known && !is_empty_dir(s->fd)) {
		/* Somebody may be setting the same store up right now. */
		struct stat st;

		if (fstatat(s->fd, folders[0], &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set(err, ERROR_REFUSED,
					 "'%s' is not empty and no store of "
					 "this program",
					 s->path);
	}
	if (make_folders(s, err) < 0)
		return -1;
	if (known)
		return 0;
	/* Not ours to change when a volume came with an owner of its own. */
	if (fchmod(s->fd, 0700) < 0 && errno != EPERM)
		return error_sys(err, errno, "cannot set the mode of '%s'",
				 s->path);
	len = snprintf(text, sizeof(text), "%d\n", VERSION);
	return io_replace_file(s->fd, "version", text, (size_t)len, 0600, false,
			       err);
}

/* Remove one entry of tmp/ unless its owner lives. */
static void sweep_entry(int tmp, const char *name)
{
	autoclose int held = -1;
	struct error ignored;
	struct stat st;

	if (fstatat(tmp, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
		held = lock_open(tmp, name, LOCK_EXCLUSIVE | LOCK_TRY, NULL,
				 &ignored);
		/* A mode that locks us out says nothing about an owner. */
		if (held < 0 && ignored.sys != EACCES)
			return;
	}
	io_remove_tree(tmp, name, &ignored);
}

/* What cannot be removed now is left for the next one; never a failure. */
static void sweep(const struct store *s)
{
	autodir DIR *dir = io_open_dir(s->fd, "tmp");
	struct error ignored;
	const char *name;

	while (dir && io_next_entry(dir, "tmp", &name, &ignored) > 0)
		sweep_entry(dirfd(dir), name);
}

static const char *probe_xattr_prefix(const struct store *s)
{
	static const char name[] = "trusted.overlay.probe";
	autoclose int fd =
		openat(s->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsetxattr(fd, name, "y", 1, 0) < 0)
		return "user.";
	fremovexattr(fd, name);
	return "trusted.";
}

static int open_store(struct store *s, const char *root, struct error *err)
{
	autofree char *path = choose_path(root, err);

	if (!path)
		return -1;
	if (open_root(s, path, err) < 0 || set_up(s, err) < 0)
		return error_wrap(err, "opening the store '%s'", path);
	s->xattr_prefix = probe_xattr_prefix(s);
	sweep(s);
	return 0;
}

int store_open(const char *root, struct store **ret, struct error *err)
{
	AUTO(store_close) struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "opening the store");
	s->fd = -1;
	if (open_store(s, root, err) < 0)
		return -1;
	*ret = steal_pointer(&s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s);
}

const char *store_path(const struct store *s)
{
	return s->path;
}

int store_fd(const struct store *s)
{
	return s->fd;
}

const char *store_overlay_xattr_prefix(const struct store *s)
{
	return s->xattr_prefix;
}

void store_set_fetcher(struct store *s, const struct store_fetcher *f)
{
	s->fetcher = f;
}

const struct store_fetcher *store_get_fetcher(const struct store *s)
{
	return s->fetcher;
}

int store_lock(struct store *s, bool exclusive, const struct cancel *cancel,
	       struct error *err)
{
	return lock_open(s->fd, "lock",
			 LOCK_CREATE | (exclusive ? LOCK_EXCLUSIVE : 0), cancel,
			 err);
}
