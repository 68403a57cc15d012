#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/git_env.h"
#include "builder/git_internal.h"
#include "store/base/io.h"
#include "store/tree.h"

/* Is the commit here? 1, 0, -1. */
static int have_commit(struct git_work *w, struct error *err)
{
	autofree char *name = NULL;
	struct error why = ERROR_INIT;

	if (asprintf(&name, "%s^{commit}", w->commit->id) < 0) {
		name = NULL;
		return error_nomem(err, GIT_WHAT);
	}
	if (GIT(w, NULL, &why, "cat-file", "-e", name) == 0)
		return 1;
	if (why.kind == ERROR_COMMAND)
		return 0;
	*err = why;
	return -1;
}

static int fetch_commit(struct git_work *w, struct error *err)
{
	return GIT(w, NULL, err, "fetch", "--progress", "--no-tags",
		   "--depth=1", "--", w->url->remote, w->commit->id);
}

static int fetch_ref(struct git_work *w, struct error *err)
{
	autofree char *spec = NULL;

	if (!w->commit->ref)
		return error_set(err, ERROR_COMMAND, "no ref is known");
	if (asprintf(&spec, "+%s:refs/fetched/ref", w->commit->ref) < 0) {
		spec = NULL;
		return error_nomem(err, GIT_WHAT);
	}
	return GIT(w, NULL, err, "fetch", "--progress", "--no-tags",
		   "--depth=1", "--", w->url->remote, spec);
}

static int fetch_all(struct git_work *w, struct error *err)
{
	return GIT(w, NULL, err, "fetch", "--progress", "--no-tags", "--",
		   w->url->remote, "+refs/heads/*:refs/fetched/heads/*",
		   "+refs/tags/*:refs/fetched/tags/*");
}

/*
 * From little to much: some servers give any commit, some only what a ref
 * points to, and those that just serve files know no shallow histories.
 */
static int fetch(struct git_work *w, struct error *err)
{
	static int (*const ways[])(struct git_work * w, struct error * err) = {
		fetch_commit,
		fetch_ref,
		fetch_all,
	};
	struct error why;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		int have;

		error_clear(&why);
		if (ways[i](w, &why) < 0 && why.kind != ERROR_COMMAND) {
			*err = why;
			return -1;
		}
		have = have_commit(w, err);
		if (have)
			return have < 0 ? -1 : 0;
	}
	if (why.kind != ERROR_NONE) {
		*err = why;
		return -1;
	}
	return error_set(err, ERROR_NOT_FOUND,
			 "repository does not contain commit %s",
			 w->commit->id);
}

static int update_submodules(struct git_work *w, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (w->url->submodules == GIT_OFF ||
	    faccessat(w->dir, ".gitmodules", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (GIT(w, NULL, &ignored, "submodule", "update", "--progress",
		"--init", "--recursive", "--depth=1") == 0)
		return 0;
	if (ignored.kind == ERROR_CANCELED) {
		*err = ignored;
		return -1;
	}
	/* As in fetch(): not every server can make the history short. */
	if (GIT(w, NULL, err, "submodule", "update", "--progress", "--init",
		"--recursive") < 0)
		return error_wrap(err, "its submodules");
	return 0;
}

/* What is left to do to each file once git is done. */
struct finishing {
	bool drop_git_files; /* those of submodules */
	bool set_times;
	struct timespec times[2];
};

static int finish_file(void *ctx, const struct tree_entry *e, int dirfd,
		       const char *name, struct error *err)
{
	const struct finishing *f = ctx;
	bool is_dir = e->entry.type == ENTRY_DIR;

	if (!strcmp(name, ".git")) {
		if (f->drop_git_files && !is_dir &&
		    unlinkat(dirfd, name, 0) < 0)
			return error_sys(err, errno, "cannot remove '%s'",
					 e->entry.path);
		return is_dir;
	}
	if (f->set_times && !is_dir &&
	    utimensat(dirfd, name, f->times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot set the time of '%s'",
				 e->entry.path);
	return 0;
}

static int finish_dir(void *ctx, const char *path, int dirfd, const char *name,
		      struct error *err)
{
	const struct finishing *f = ctx;

	if (f->set_times && *path &&
	    utimensat(dirfd, name, f->times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot set the time of '%s'",
				 path);
	return 0;
}

static int commit_time(struct git_work *w, struct finishing *f,
		       struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (GIT(w, &text, err, "log", "-1", "--format=%ct", "HEAD") < 0)
		return -1;
	f->times[0].tv_sec = text.data ? strtoll(text.data, NULL, 10) : 0;
	f->times[1] = f->times[0];
	return 0;
}

static int finish(struct git_work *w, struct error *err)
{
	struct finishing f = {
		.drop_git_files = !w->keep_git_dir,
		.set_times = w->url->commit_times,
	};
	const struct tree_visitor visitor = {
		.visit = finish_file,
		.leave = finish_dir,
		.ctx = &f,
	};
	AUTO(tree_free) struct tree *tree = NULL;
	int own;

	if (f.set_times && commit_time(w, &f, err) < 0)
		return -1;
	if (!w->keep_git_dir && io_remove_tree(w->dir, ".git", err) < 0)
		return -1;
	own = fcntl(w->dir, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return error_sys(err, errno, GIT_WHAT);
	if (tree_new(own, "", &tree, err) < 0)
		return -1;
	return tree_walk_with(tree, &visitor, err);
}

static int check_out(struct git_work *w, struct error *err)
{
	/* Without a template there are no sample hooks to keep. */
	if (GIT(w, NULL, err, "init", "--quiet", "--template=", ".") < 0 ||
	    GIT(w, NULL, err, "config", "remote.origin.url", w->url->remote) <
		    0 ||
	    fetch(w, err) < 0 ||
	    GIT(w, NULL, err, "checkout", "--progress", "--detach",
		w->commit->id) < 0 ||
	    update_submodules(w, err) < 0)
		return -1;
	return finish(w, err);
}

int git_checkout(const struct git_url *url, const struct git_commit *commit,
		 const struct git_access *how, bool keep_git_dir, int dir,
		 struct error *err)
{
	AUTO(git_work_release)
	struct git_work w = {
		.url = url,
		.commit = commit,
		.cancel = how->cancel,
		.dir = dir,
		.keep_git_dir = keep_git_dir,
	};

	if (git_environment(url, how, &w.env, err) < 0 ||
	    check_out(&w, err) < 0)
		return git_wrap(url, err);
	return 0;
}
