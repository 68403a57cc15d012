/*
 * Files and repositories from elsewhere, brought into the batch's folder with
 * the user's secrets, and shown in the progress. For HTTP the secrets are
 * HTTP_AUTH_HEADER_<host> and HTTP_AUTH_TOKEN_<host> (with the port, else
 * without), for git see git.h.
 */
#ifndef BUILDER_FETCH_H
#define BUILDER_FETCH_H

#include "builder/git.h"
#include "builder/ssh_agents.h"
#include "builder/ui/progress.h"
#include "registry/download.h"
#include "store/batch.h"

/* What fetching needs; all borrowed. */
struct fetch_env {
	struct batch *batch;
	struct registry *registry;
	struct progress *progress;
	const struct cancel *cancel;
	const struct strv *secrets;   /* --secret values, or NULL */
	const struct ssh_agents *ssh; /* "default" serves git, or NULL */
};

/* Largest file that is fetched, unless a caller wants less. */
#define FETCH_MAX ((uint64_t)1 << 40)

/*
 * A new empty directory, 0755, in the batch's folder: its absolute path (the
 * caller frees it) and a descriptor of it.
 */
int fetch_make_dir(struct batch *b, const char *prefix, char **path, int *fd,
		   struct error *err);

/*
 * download() of rq->url to `fd`; rq->authorization and progress are set here.
 * `label` names the step in the progress.
 */
int fetch_file(const struct fetch_env *env, const char *label,
	       const struct download_request *rq, int fd,
	       struct downloaded *ret, struct error *err);

/* What git is to know of the environment. */
struct git_access fetch_git_access(const struct fetch_env *env);

/*
 * Check out what `url` names into a new directory. `*path` (the caller frees)
 * is that of the URL's subdir; `*fd` is it opened. Links on the way to the
 * subdir are not followed: it must be a directory of the repository itself.
 * `commit` NULL: it is asked for first.
 */
int fetch_repository(const struct fetch_env *env, const char *label,
		     const struct git_url *url, const struct git_commit *commit,
		     bool keep_git_dir, char **path, int *fd,
		     struct error *err);

/*
 * The name a file from `url` gets: the last component of its path, decoded, or
 * "__unnamed__". ERROR_REFUSED for one that is no name of a file.
 */
char *fetch_file_name(const char *url, struct error *err);

#endif
