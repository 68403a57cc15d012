/* The environment in which git runs; see git.h. Private to git*.c. */
#ifndef BUILDER_GIT_ENV_H
#define BUILDER_GIT_ENV_H

#include "builder/git.h"

/* Append everything that git is to see, credentials included. */
int git_environment(const struct git_url *url, const struct git_access *how,
		    struct strv *env, struct error *err);

#endif
