#include "builder/git.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/git_env.h"
#include "builder/program.h"
#include "store/base/io.h"
#include "store/tree.h"

#define WHAT	   "fetching a repository"
#define OUTPUT_MAX ((size_t)64 << 20)

/* git tells of its progress several times a second while there is any. */
#define STALL_MS ((int64_t)5 * 60 * 1000)

/* Of files that git checks out the x bit alone is the repository's. */
#define RUN_GIT "umask 022 && exec git \"$@\""

/* Several commands for one repository, in one folder. */
struct git_work {
	const struct git_url *url;
	const struct git_commit *commit;
	struct strv env;
	const struct cancel *cancel;
	int dir;
	bool keep_git_dir;
};

static void git_work_release(struct git_work *w)
{
	strv_release(&w->env);
}
DEFINE_RELEASE(struct git_work, git_work_release);

void git_commit_release(struct git_commit *c)
{
	free(c->id);
	free(c->ref);
	*c = (struct git_commit){ 0 };
}

static int run_git(struct git_work *w, const char *const *args, size_t n,
		   struct buf *output, struct error *err)
{
	AUTO(strv_release) struct strv argv = STRV_INIT;
	const struct program program = {
		.name = "git",
		.failure_mark = "fatal:",
		.stall_ms = STALL_MS,
		.argv = &argv,
		.env = &w->env,
		.dir = w->dir,
		.output_max = OUTPUT_MAX,
		.cancel = w->cancel,
	};

	strv_append(&argv, "sh");
	strv_append(&argv, "-c");
	strv_append(&argv, RUN_GIT);
	strv_append(&argv, "git");
	for (size_t i = 0; i < n; i++)
		strv_append(&argv, args[i]);
	if (strv_check(&argv, WHAT, err) < 0)
		return -1;
	return program_run(&program, output, err);
}

/* Run git with the given words. */
#define GIT(w, output, err, ...)                                               \
	run_git(w, (const char *const[]){ __VA_ARGS__ },                       \
		ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })), output,     \
		err)

/* Name the repository, without its password. Returns -1. */
static int wrap(const struct git_url *url, struct error *err)
{
	if (err->kind == ERROR_COMMAND)
		err->kind = ERROR_NETWORK;
	return error_wrap(err, "repository %s", url->remote);
}

/* One line of ls-remote, "ID\tNAME", told from `text`. */
struct remote_ref {
	const char *id;
	size_t id_len;
	const char *name;
	size_t name_len;
};

static bool next_ref(const char **text, struct remote_ref *ret)
{
	const char *line = *text;
	size_t len = strcspn(line, "\n");
	const char *tab = memchr(line, '\t', len);

	if (!len)
		return false;
	*text = line + len + (line[len] == '\n');
	*ret = (struct remote_ref){ .id = line, .id_len = len };
	if (tab) {
		ret->id_len = (size_t)(tab - line);
		ret->name = tab + 1;
		ret->name_len = len - ret->id_len - 1;
	}
	return true;
}

/* 1 when the list has `name`, with what it stands for; 0; -1. */
static int find_name(const char *list, const char *name, struct git_commit *ret,
		     struct error *err)
{
	struct remote_ref ref;

	while (next_ref(&list, &ref)) {
		if (!ref.name || ref.name_len != strlen(name) ||
		    memcmp(ref.name, name, ref.name_len) != 0)
			continue;
		free(ret->id);
		ret->id = strndup(ref.id, ref.id_len);
		if (!ret->id)
			return error_nomem(err, WHAT);
		if (!git_is_commit(ret->id))
			return error_set(err, ERROR_INTEGRITY,
					 "the server answers with garbage");
		return 1;
	}
	return 0;
}

/* The places where git itself looks for a name, in its order. */
static const struct {
	const char *prefix;
	enum git_ref_kind kind; /* the other kind is not looked for there */
} places[] = {
	{ "", GIT_REF_ANY },
	{ "refs/", GIT_REF_ANY },
	{ "refs/tags/", GIT_REF_TAG },
	{ "refs/heads/", GIT_REF_BRANCH },
};

/* An annotated tag has an id of its own; what it names is listed as NAME^{}. */
static int find_ref(const char *list, const char *prefix, const char *ref,
		    struct git_commit *ret, struct error *err)
{
	autofree char *name = NULL, *peeled = NULL;
	int found;

	if (asprintf(&name, "%s%s", prefix, ref) < 0 ||
	    asprintf(&peeled, "%s%s^{}", prefix, ref) < 0)
		return error_nomem(err, WHAT);
	found = find_name(list, peeled, ret, err);
	if (!found)
		found = find_name(list, name, ret, err);
	if (found > 0) {
		free(ret->ref);
		ret->ref = steal_pointer(&name);
	}
	return found;
}

static int pick(const struct git_url *url, const char *list,
		struct git_commit *ret, struct error *err)
{
	const char *ref = url->ref ? url->ref : "HEAD";

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int found;

		if (url->ref_kind != GIT_REF_ANY &&
		    url->ref_kind != places[i].kind)
			continue;
		found = find_ref(list, places[i].prefix, ref, ret, err);
		if (found)
			return found < 0 ? -1 : 0;
	}
	if (!url->ref)
		return error_set(err, ERROR_NOT_FOUND,
				 "repository does not contain a default "
				 "branch; name one: #main");
	return error_set(err, ERROR_NOT_FOUND,
			 "repository does not contain ref %s", ref);
}

static int ask(const struct git_url *url, const struct git_access *how,
	       struct git_commit *ret, struct error *err)
{
	AUTO(git_work_release)
	struct git_work w = { .url = url, .cancel = how->cancel };
	AUTO(buf_release) struct buf list = BUF_INIT;
	const char *ref = url->ref ? url->ref : "HEAD";
	autofree char *peeled = NULL;
	autoclose int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_sys(err, errno, "cannot open '/'");
	w.dir = dir;
	/* Not the configuration of a repository that we happen to be in. */
	strv_env_set(&w.env, "GIT_DIR", "/nonexistent");
	buf_append_str(&list, "");
	if (asprintf(&peeled, "%s^{}", ref) < 0) {
		peeled = NULL;
		return error_nomem(err, WHAT);
	}
	if (git_environment(url, how, &w.env, err) < 0 ||
	    GIT(&w, &list, err, "ls-remote", "--", url->remote, ref, peeled) <
		    0)
		return -1;
	return pick(url, list.data, ret, err);
}

static int check_sum(const struct git_url *url, const struct git_commit *c,
		     struct error *err)
{
	if (!url->checksum ||
	    !strncmp(c->id, url->checksum, strlen(url->checksum)))
		return 0;
	return error_set(err, ERROR_INTEGRITY,
			 "expected checksum to match %s, got %s", url->checksum,
			 c->id);
}

int git_resolve(const struct git_url *url, const struct git_access *how,
		struct git_commit *ret, struct error *err)
{
	AUTO(git_commit_release) struct git_commit c = { 0 };
	const char *known = url->ref ? url->ref : url->checksum;

	if (known && url->ref_kind == GIT_REF_ANY && git_is_commit(known)) {
		c.id = strdup(known);
		if (!c.id)
			return error_nomem(err, WHAT);
	} else if (ask(url, how, &c, err) < 0) {
		return wrap(url, err);
	}
	if (check_sum(url, &c, err) < 0)
		return wrap(url, err);
	*ret = c;
	c = (struct git_commit){ 0 };
	return 0;
}

/* Is the commit here? 1, 0, -1. */
static int have_commit(struct git_work *w, struct error *err)
{
	autofree char *name = NULL;
	struct error why = ERROR_INIT;

	if (asprintf(&name, "%s^{commit}", w->commit->id) < 0) {
		name = NULL;
		return error_nomem(err, WHAT);
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
		return error_nomem(err, WHAT);
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
		return error_sys(err, errno, WHAT);
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
		return wrap(url, err);
	return 0;
}
