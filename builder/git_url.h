/*
 * What "https://host/x.git#ref:dir" means: a repository, a commit of it and a
 * folder in that. Pure text; nothing is asked.
 *
 * Repositories are http, https, ssh and git URLs and "user@host:path". What a
 * program might take for an option, in a host, a path or a ref, is refused.
 */
#ifndef BUILDER_GIT_URL_H
#define BUILDER_GIT_URL_H

#include <stdbool.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

enum git_ref_kind {
	GIT_REF_ANY, /* a tag, else a branch, else a commit */
	GIT_REF_BRANCH,
	GIT_REF_TAG,
};

enum git_switch {
	GIT_UNSET,
	GIT_OFF,
	GIT_ON,
};

struct git_url {
	char *remote; /* for git: without user and password (http, https),
			 query and fragment */
	char *user;   /* "user:password" of an http or https URL, still
			 percent-encoded; NULL */
	char *host;   /* with the port, lower case */
	bool http;    /* http or https: headers can be sent */
	bool https;
	char *ref; /* NULL: what the repository's HEAD is */
	enum git_ref_kind ref_kind;
	char *subdir;	/* cleaned, relative; "" is the root */
	char *checksum; /* lower-case hex, 7 to 64 digits, the start of the
			   commit; NULL */
	enum git_switch keep_git_dir;
	enum git_switch submodules; /* on unless GIT_OFF */
	bool commit_times; /* mtime=commit: files are as old as the commit */
};

/*
 * ERROR_DOCKERFILE for what is badly written, ERROR_REFUSED for what is
 * hostile; neither tells the password.
 */
int git_url_parse(const char *text, struct git_url *ret, struct error *err);
void git_url_release(struct git_url *u);
DEFINE_RELEASE(struct git_url, git_url_release);

/*
 * Check a prefix of a commit's name as flags give it ("--checksum") and append
 * it in lower case. ERROR_DOCKERFILE.
 */
int git_checksum_parse(const char *text, char **ret, struct error *err);

/* Is it all of a commit's name (40 or 64 hex digits)? */
bool git_is_commit(const char *text);

#endif
