/*
 * Repositories, through the program git, which is neither trusted with the
 * user's configuration nor with the repository's: no configuration files, no
 * hooks, no prompts, and only http, https, ssh and git are spoken, also by
 * submodules.
 *
 * Credentials are taken from the URL, and from the secrets GIT_AUTH_HEADER and
 * GIT_AUTH_TOKEN; those named with a host behind a dot ("GIT_AUTH_TOKEN.h")
 * come first, and only those are sent over plain HTTP. They go to the URL's
 * own server, in no command line. ssh uses the agent that --ssh default lends,
 * else that of SSH_AUTH_SOCK, or what GIT_SSH_COMMAND says, and the servers'
 * keys in ~/.ssh/known_hosts.
 */
#ifndef BUILDER_GIT_H
#define BUILDER_GIT_H

#include "builder/git_url.h"
#include "store/base/cancel.h"
#include "store/base/strv.h"

/* All of it borrowed. */
struct git_access {
	const struct strv *secrets; /* --secret values, or NULL */
	const char *ssh_agent;	    /* its socket; NULL: SSH_AUTH_SOCK */
	const struct cancel *cancel;
};

struct git_commit {
	char *id;  /* of the commit */
	char *ref; /* the full name it was found under; NULL: by its id */
};

void git_commit_release(struct git_commit *c);
DEFINE_RELEASE(struct git_commit, git_commit_release);

/*
 * Which commit `url` means now. The server is only asked when the URL does not
 * name the commit itself. One that does not match the URL's checksum is
 * ERROR_INTEGRITY; a ref that is not there ERROR_NOT_FOUND.
 */
int git_resolve(const struct git_url *url, const struct git_access *how,
		struct git_commit *ret, struct error *err);

/*
 * Check `commit` out, with its submodules, into the empty directory `dir`
 * (borrowed). ".git" is removed again unless `keep_git_dir`; those of
 * submodules are with it.
 */
int git_checkout(const struct git_url *url, const struct git_commit *commit,
		 const struct git_access *how, bool keep_git_dir, int dir,
		 struct error *err);

#endif
