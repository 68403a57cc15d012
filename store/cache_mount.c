#include "store/cache_mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/digest.h"

#define INSTANCES_MAX 1000

/* Shorter waits are not told of. */
#define TOLD_MS 1000

struct cache_mount {
	enum cache_sharing how;
	unsigned instance;
	int dir; /* mounts/<digest> */
	int lock;
	char *path;
	bool is_new;
	struct cache_wait wait; /* until it is open */
};

/* A file of the instance: its folder (""), ".lock" or ".ready". */
struct instance_name {
	char text[32];
};

static struct instance_name name_of(const struct cache_mount *m,
				    const char *suffix)
{
	struct instance_name name;

	snprintf(name.text, sizeof(name.text), "%u%s", m->instance, suffix);
	return name;
}

static bool is_ready(const struct cache_mount *m)
{
	return faccessat(m->dir, name_of(m, ".ready").text, F_OK,
			 AT_SYMLINK_NOFOLLOW) == 0;
}

/* `make` it when absent; else err->sys is ENOENT then. */
static int open_dir(struct cache_mount *m, struct store *s, const char *id,
		    bool make, struct error *err)
{
	autofree char *path = NULL;
	struct digest digest;

	digest_bytes(id, strlen(id), &digest);
	if (asprintf(&path, "mounts/%s", digest_hex(&digest)) < 0) {
		path = NULL;
		return error_nomem(err, "opening a cache mount");
	}
	if (make && mkdirat(store_fd(s), path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s/%s'",
				 store_path(s), path);
	m->dir = openat(store_fd(s), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0)
		return error_sys(err, errno, "cannot open '%s/%s'",
				 store_path(s), path);
	return 0;
}

static int lock_within(struct cache_mount *m, enum lock_flags flags,
		       int timeout_ms, struct error *err)
{
	m->lock = lock_open_within(m->dir, name_of(m, ".lock").text,
				   flags | LOCK_CREATE, timeout_ms,
				   m->wait.cancel, err);
	return m->lock < 0 ? -1 : 0;
}

static bool is_busy(const struct error *err)
{
	return err->kind == ERROR_SYSTEM && err->sys == EWOULDBLOCK;
}

static int lock_instance(struct cache_mount *m, enum lock_flags flags,
			 struct error *err)
{
	if (m->wait.tell && !(flags & LOCK_TRY)) {
		if (lock_within(m, flags, TOLD_MS, err) == 0)
			return 0;
		if (!is_busy(err))
			return -1;
		error_clear(err);
		m->wait.tell(m->wait.ctx);
		m->wait.tell = NULL;
	}
	return lock_within(m, flags, -1, err);
}

/* The first instance that nobody uses. */
static int lock_private(struct cache_mount *m, struct error *err)
{
	struct error problem;

	for (m->instance = 0; m->instance < INSTANCES_MAX; m->instance++) {
		if (lock_instance(m, LOCK_EXCLUSIVE | LOCK_TRY, &problem) == 0)
			return 0;
		if (!is_busy(&problem)) {
			*err = problem;
			return -1;
		}
	}
	return error_set(err, ERROR_SYSTEM,
			 "%d instances of the cache mount are in use",
			 INSTANCES_MAX);
}

/* The folder alone, if nobody has it and it is not ready: 1, 0, -1. */
static int lock_unready(struct cache_mount *m, struct error *err)
{
	if (lock_instance(m, LOCK_EXCLUSIVE | LOCK_TRY, err) < 0)
		return is_busy(err) ? 0 : -1;
	if (!is_ready(m))
		return 1;
	close(steal_fd(&m->lock));
	return 0;
}

/*
 * Sharing begins once the folder is ready; a first user has it alone until
 * then. Others wait for it to be shared, not for its end; when its first user
 * went without making it ready, the next one begins anew.
 */
static int lock_shared(struct cache_mount *m, struct error *err)
{
	for (;;) {
		int alone = is_ready(m) ? 0 : lock_unready(m, err);

		if (alone)
			return alone < 0 ? -1 : 0;
		if (lock_instance(m, LOCK_SHARED, err) < 0)
			return -1;
		if (is_ready(m))
			return 0;
		close(steal_fd(&m->lock));
	}
}

static int lock_mount(struct cache_mount *m, struct error *err)
{
	if (m->how == CACHE_PRIVATE)
		return lock_private(m, err);
	if (m->how == CACHE_LOCKED)
		return lock_instance(m, LOCK_EXCLUSIVE, err);
	return lock_shared(m, err);
}

/* Start over with an empty folder: the last attempt was not finished. */
static int make_folder(struct cache_mount *m, mode_t mode, uid_t uid, gid_t gid,
		       struct error *err)
{
	struct instance_name name = name_of(m, "");
	autoclose int fd = -1;

	if (io_remove_tree(m->dir, name.text, err) < 0)
		return -1;
	if (mkdirat(m->dir, name.text, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", m->path);
	fd = openat(m->dir, name.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", m->path);
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'",
				 m->path);
	if (fchmod(fd, mode) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'",
				 m->path);
	m->is_new = true;
	return 0;
}

/*
 * Is the folder still where it was found? The collector takes away those that
 * nobody has locked, holding the store's lock; what is ours now and there
 * while we hold that is ours for good.
 */
static int is_in_place(const struct cache_mount *m, struct store *s,
		       const char *id, struct error *err)
{
	autoclose int held = store_lock(s, false, m->wait.cancel, err);
	char path[sizeof("mounts/") + DIGEST_HEX_LEN];
	struct stat ours, named;
	struct digest digest;

	if (held < 0)
		return -1;
	digest_bytes(id, strlen(id), &digest);
	snprintf(path, sizeof(path), "mounts/%s", digest_hex(&digest));
	return fstat(m->dir, &ours) == 0 &&
	       fstatat(store_fd(s), path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Of a cancelled wait `sys` is a signal, which may be any number. */
static bool is_absent(const struct error *err)
{
	return err->kind == ERROR_SYSTEM && err->sys == ENOENT;
}

/* 1; 0 when the folder was taken away meanwhile; -1. */
static int try_locked(struct cache_mount *m, struct store *s, const char *id,
		      bool make, struct error *err)
{
	if (open_dir(m, s, id, make, err) < 0)
		return make && is_absent(err) ? 0 : -1;
	/* Of a folder that is being removed no file can be opened. */
	if (lock_mount(m, err) < 0)
		return is_absent(err) ? 0 : -1;
	return is_in_place(m, s, id, err);
}

static int open_locked(struct cache_mount *m, struct store *s, const char *id,
		       bool make, struct error *err)
{
	for (;;) {
		int there = try_locked(m, s, id, make, err);

		if (there)
			return there < 0 ? -1 : 0;
		if (m->lock >= 0)
			close(steal_fd(&m->lock));
		if (m->dir >= 0)
			close(steal_fd(&m->dir));
		error_clear(err);
	}
}

static int open_mount(struct cache_mount *m, struct store *s, const char *id,
		      bool make, struct error *err)
{
	struct digest digest;

	if (open_locked(m, s, id, make, err) < 0)
		return error_wrap(err, "cache mount '%s'", id);
	digest_bytes(id, strlen(id), &digest);
	if (asprintf(&m->path, "%s/mounts/%s/%u", store_path(s),
		     digest_hex(&digest), m->instance) < 0) {
		m->path = NULL;
		return error_nomem(err, "opening a cache mount");
	}
	/* The collector drops what was used longest ago. */
	futimens(m->lock, NULL);
	return 0;
}

static struct cache_mount *new_mount(enum cache_sharing how,
				     const struct cache_wait *wait,
				     struct error *err)
{
	struct cache_mount *m = calloc(1, sizeof(*m));

	if (!m) {
		error_nomem(err, "opening a cache mount");
		return NULL;
	}
	m->how = how;
	m->dir = m->lock = -1;
	if (wait)
		m->wait = *wait;
	return m;
}

int cache_mount_open(struct store *s, const char *id, enum cache_sharing how,
		     mode_t mode, uid_t uid, gid_t gid,
		     const struct cache_wait *wait, struct cache_mount **ret,
		     struct error *err)
{
	AUTO(cache_mount_free)
	struct cache_mount *m = new_mount(how, wait, err);

	if (!m)
		return -1;
	if (open_mount(m, s, id, true, err) < 0)
		return -1;
	if (!is_ready(m) && make_folder(m, mode, uid, gid, err) < 0)
		return error_wrap(err, "cache mount '%s'", id);
	*ret = steal_pointer(&m);
	return 0;
}

int cache_mount_open_existing(struct store *s, const char *id,
			      const struct cache_wait *wait,
			      struct cache_mount **ret, struct error *err)
{
	AUTO(cache_mount_free)
	struct cache_mount *m = new_mount(CACHE_LOCKED, wait, err);

	if (!m)
		return -1;
	if (open_mount(m, s, id, false, err) < 0) {
		if (!is_absent(err))
			return -1;
		error_clear(err);
		return 0;
	}
	if (!is_ready(m))
		return 0;
	*ret = steal_pointer(&m);
	return 1;
}

void cache_mount_free(struct cache_mount *m)
{
	if (!m)
		return;
	if (m->lock >= 0)
		close(m->lock);
	if (m->dir >= 0)
		close(m->dir);
	free(m->path);
	free(m);
}

const char *cache_mount_path(const struct cache_mount *m)
{
	return m->path;
}

bool cache_mount_is_new(const struct cache_mount *m)
{
	return m->is_new;
}

int cache_mount_ready(struct cache_mount *m, struct error *err)
{
	struct instance_name name = name_of(m, ".ready");
	autoclose int fd = -1;

	if (!m->is_new)
		return 0;
	fd = openat(m->dir, name.text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s.ready'",
				 m->path);
	m->is_new = false;
	if (m->how == CACHE_SHARED)
		return lock_fd(m->lock, LOCK_SHARED, m->path, NULL, err);
	return 0;
}

int cache_mount_clear(struct cache_mount *m, struct error *err)
{
	autodir DIR *dir = opendir(m->path);
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot open '%s'", m->path);
	while ((rc = io_next_entry(dir, m->path, &name, err)) > 0)
		if (io_remove_tree(dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}
