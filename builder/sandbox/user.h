/*
 * Whom a USER text means in an image: "name", "uid", "name:group", "uid:gid".
 * The contents of /etc/passwd and /etc/group are given by the caller, who has
 * read them with a bound.
 */
#ifndef BUILDER_SANDBOX_USER_H
#define BUILDER_SANDBOX_USER_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

/* Texts of the image's files; NULL where it has none. */
struct user_files {
	const char *passwd;
	const char *group;
};

struct user {
	uint32_t uid;
	uint32_t gid;
	uint32_t *groups; /* supplementary, from /etc/group */
	size_t n_groups;
	char *home; /* "/" when /etc/passwd does not say */
};

/*
 * Digits are always an id, never a name, whatever /etc/passwd says. Without a
 * group the user's primary and supplementary groups hold; with one, only
 * that. An uid that is not listed has group 0. NULL and "" are 0:0 with no
 * further groups. Unknown names, and ids above 4294967294, are
 * ERROR_DOCKERFILE.
 */
int user_resolve(const char *text, const struct user_files *files,
		 struct user *ret, struct error *err);
void user_release(struct user *user);
DEFINE_RELEASE(struct user, user_release);

#endif
