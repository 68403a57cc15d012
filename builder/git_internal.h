/* Running git, for git_resolve.c and git_checkout.c. */
#ifndef BUILDER_GIT_INTERNAL_H
#define BUILDER_GIT_INTERNAL_H

#include "builder/git.h"
#include "store/base/buf.h"

/* For errors: what was being done. */
#define GIT_WHAT "fetching a repository"

/* Several commands for one repository, in one folder. */
struct git_work {
	const struct git_url *url;
	const struct git_commit *commit;
	struct strv env;
	const struct cancel *cancel;
	int dir;
	bool keep_git_dir;
};

void git_work_release(struct git_work *w);
DEFINE_RELEASE(struct git_work, git_work_release);

/*
 * Run git with these arguments; its output goes to `output`, or is dropped for
 * NULL. ERROR_COMMAND with git's own words when it fails.
 */
int git_run(struct git_work *w, const char *const *args, size_t n,
	    struct buf *output, struct error *err);

/* The same with the arguments written out. */
#define GIT(w, output, err, ...)                                               \
	git_run(w, (const char *const[]){ __VA_ARGS__ },                       \
		ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })), output,     \
		err)

/* Name the repository, without its password. Returns -1. */
int git_wrap(const struct git_url *url, struct error *err);

#endif
