/*
 * Mark and sweep under the store's exclusive lock. What is swept is only moved
 * into a folder of tmp/ then: builds may go on while it is being removed, and
 * the next command does the rest should we be killed.
 */
#include "store/gc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/base/timefmt.h"
#include "store/gc_budget.h"
#include "store/gc_label.h"
#include "store/gc_mark.h"
#include "store/usage.h"

struct gc {
	struct store *store;
	const struct gc_options *options;
	struct gc_marks *marks;
	struct gc_marks *only; /* garbage is among these; NULL: anywhere */
	struct map *sizes;     /* of objects, taken before the lock */
	int tmp;
	int trash; /* our folder in tmp/; its lock says that we live */
	char name[32];
	unsigned n_trash;
	struct gc_report report;
};

static void gc_release(struct gc *g)
{
	struct error ignored;

	gc_marks_free(g->marks);
	gc_marks_free(g->only);
	map_free(g->sizes);
	if (g->trash >= 0) {
		io_remove_tree(g->tmp, g->name, &ignored);
		close(g->trash);
	}
	if (g->tmp >= 0)
		close(g->tmp);
}
DEFINE_RELEASE(struct gc, gc_release);

/* Make the folder and hold its lock: 1, or 0 when a sweeper was faster. */
static int try_trash(struct gc *g, struct error *err)
{
	uint64_t nonce;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return error_sys(err, errno, "cannot get random bytes");
	snprintf(g->name, sizeof(g->name), "gc-%016llx",
		 (unsigned long long)nonce);
	if (mkdirat(g->tmp, g->name, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s/tmp/%s'",
				 store_path(g->store), g->name);
	g->trash = lock_open(g->tmp, g->name, LOCK_EXCLUSIVE, NULL, err);
	if (g->trash < 0)
		return err->sys == ENOENT ? 0 : -1;
	return 1;
}

static int make_trash(struct gc *g, struct error *err)
{
	struct error problem = ERROR_INIT;
	int made;

	g->tmp = openat(store_fd(g->store), "tmp",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->tmp < 0)
		return error_sys(err, errno, "cannot open '%s/tmp'",
				 store_path(g->store));
	do
		made = try_trash(g, &problem);
	while (made == 0);
	/* On a full disk there is no room for it: then remove on the spot. */
	if (made > 0 || problem.sys == ENOSPC || problem.sys == EDQUOT)
		return 0;
	*err = problem;
	return -1;
}

/* Move `name` of the directory `dirfd` to the folder. */
static int discard(struct gc *g, int dirfd, const char *name, struct error *err)
{
	char aside[32];

	g->report.n_removed++;
	snprintf(aside, sizeof(aside), "%u", g->n_trash);
	if (g->trash >= 0 && renameat(dirfd, name, g->trash, aside) == 0) {
		g->n_trash++;
		return 0;
	}
	g->report.freed_bytes += usage_of(dirfd, name);
	return io_remove_tree(dirfd, name, err);
}

/* Calls for every entry of `path` in the store; an absent one has none. */
static int for_each(struct gc *g, const char *path,
		    int (*visit)(struct gc *g, int dirfd, const char *name,
				 struct error *err),
		    struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(g->store), path);
	const char *name;
	int rc;

	if (!dir)
		return errno == ENOENT ? 0
				       : error_sys(err, errno,
						   "cannot list '%s'", path);
	while ((rc = io_next_entry(dir, path, &name, err)) > 0)
		if (*name != '.' && visit(g, dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}

/* The same for a single entry. */
static int for_one(struct gc *g, const char *path, const char *name,
		   int (*visit)(struct gc *g, int dirfd, const char *name,
				struct error *err),
		   struct error *err)
{
	autoclose int fd = openat(store_fd(g->store), path,
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return visit(g, fd, name, err);
}

/* Did nobody use this for as long as the options say? */
static bool is_unused(const struct gc *g, int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return st.st_mtim.tv_sec <= time_now().tv_sec - g->options->unused_for;
}

static int forget_step(struct gc *g, int dirfd, const char *name,
		       struct error *err)
{
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", name);
	g->report.n_steps++;
	return 0;
}

/* Remembered steps and file digests: small files. */
static int drop_step(struct gc *g, int dirfd, const char *name,
		     struct error *err)
{
	return is_unused(g, dirfd, name) ? forget_step(g, dirfd, name, err) : 0;
}

static int drop_digests(struct gc *g, int dirfd, const char *name,
			struct error *err)
{
	if (is_unused(g, dirfd, name) && unlinkat(dirfd, name, 0) < 0 &&
	    errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", name);
	return 0;
}

static bool is_garbage(const struct gc *g, enum gc_kind kind, const char *name)
{
	return !gc_is_marked(g->marks, kind, name) &&
	       (!g->only || gc_is_marked(g->only, kind, name));
}

static int sweep_layer(struct gc *g, int dirfd, const char *name,
		       struct error *err)
{
	return is_garbage(g, GC_LAYER, name) ? discard(g, dirfd, name, err) : 0;
}

static int sweep_snapshot(struct gc *g, int dirfd, const char *name,
			  struct error *err)
{
	return is_garbage(g, GC_SNAPSHOT, name) ? discard(g, dirfd, name, err)
						: 0;
}

static int sweep_blob(struct gc *g, int dirfd, const char *name,
		      struct error *err)
{
	return is_garbage(g, GC_BLOB, name) ? discard(g, dirfd, name, err) : 0;
}

/* A mount's instances are all in one folder, each with a lock of its own. */
static bool mount_in_use(const struct gc *g, int fd)
{
	autodir DIR *dir = io_open_dir(fd, ".");
	struct error ignored;
	const char *name;
	int rc = dir ? 0 : -1;

	while (dir &&
	       (rc = io_next_entry(dir, "a mount", &name, &ignored)) > 0) {
		const char *dot = strrchr(name, '.');
		autoclose int held = -1;

		if (!dot || strcmp(dot, ".lock"))
			continue;
		held = lock_open(fd, name, LOCK_EXCLUSIVE | LOCK_TRY, NULL,
				 &ignored);
		if (held < 0 || !is_unused(g, fd, name))
			return true;
	}
	return rc < 0;
}

static int sweep_mount(struct gc *g, int dirfd, const char *name,
		       struct error *err)
{
	autoclose int fd = openat(
		dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || mount_in_use(g, fd))
		return 0;
	return discard(g, dirfd, name, err);
}

/*
 * Records go before what they speak of, so that nothing is ever missing that
 * a record promises.
 */
static int sweep(struct gc *g, struct error *err)
{
	const struct gc_options *o = g->options;

	if (for_each(g, "layers/sha256", sweep_layer, err) < 0 ||
	    for_each(g, "snapshots", sweep_snapshot, err) < 0 ||
	    for_each(g, "blobs/sha256", sweep_blob, err) < 0)
		return -1;
	return o->drop_mounts ? for_each(g, "mounts", sweep_mount, err) : 0;
}

static bool every_step(void *ctx, const char *file)
{
	(void)ctx;
	(void)file;
	return true;
}

/* Forget what was used longest ago until the rest fits, and collect again. */
static int shrink(struct gc *g, struct error *err)
{
	AUTO(gc_budget_release) struct gc_budget budget = { 0 };

	if (gc_budget_plan(g->store, g->options->max_bytes, g->sizes, &budget,
			   err) < 0)
		return -1;
	for (size_t i = 0; i < budget.n_victims; i++) {
		const struct gc_victim *v = &budget.items[i];

		if (v->is_mount) {
			if (for_one(g, "mounts", v->name, sweep_mount, err) < 0)
				return -1;
		} else if (for_one(g, "cache", v->name, forget_step, err) < 0) {
			return -1;
		}
	}
	gc_marks_free(steal_pointer(&g->marks));
	if (gc_mark(g->store, every_step, NULL, &g->marks, err) < 0)
		return -1;
	return sweep(g, err);
}

static int collect(struct gc *g, struct error *err)
{
	if (g->options->drop_steps &&
	    (for_each(g, "cache", drop_step, err) < 0 ||
	     for_each(g, "files", drop_digests, err) < 0))
		return -1;
	if (gc_mark(g->store, every_step, NULL, &g->marks, err) < 0)
		return -1;
	if (g->options->n_labels &&
	    gc_label_select(g->store, g->options->labels, g->options->n_labels,
			    g->marks, &g->only, err) < 0)
		return -1;
	if (sweep(g, err) < 0)
		return -1;
	return g->options->max_bytes ? shrink(g, err) : 0;
}

static int empty_trash(struct gc *g, const struct cancel *cancel,
		       struct error *err)
{
	unsigned i;

	for (i = 0; i < g->n_trash; i++) {
		char name[32];
		uint64_t bytes;

		if (cancel_check(cancel, err) < 0)
			return -1;
		snprintf(name, sizeof(name), "%u", i);
		bytes = usage_of(g->trash, name);
		if (io_remove_tree(g->trash, name, err) < 0)
			return -1;
		g->report.freed_bytes += bytes;
	}
	return 0;
}

int gc_run(struct store *s, const struct gc_options *options,
	   const struct cancel *cancel, struct gc_report *ret,
	   struct error *err)
{
	AUTO(gc_release)
	struct gc g = {
		.store = s,
		.options = options,
		.tmp = -1,
		.trash = -1,
	};
	autoclose int held = -1;

	if (options->max_bytes && gc_sizes_new(s, &g.sizes, err) < 0)
		return error_wrap(err, "freeing space");
	/* Nobody pins anything while this is held. */
	held = store_lock(s, true, cancel, err);
	if (held < 0)
		return -1;
	if (make_trash(&g, err) < 0 || collect(&g, err) < 0)
		return error_wrap(err, "freeing space");
	close(steal_fd(&held));
	if (empty_trash(&g, cancel, err) < 0)
		return error_wrap(err, "freeing space");
	if (ret)
		*ret = g.report;
	return 0;
}
