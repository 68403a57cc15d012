/* Owners and users by name or number, as an image's own files name them. */
#ifndef BUILDER_OWNER_H
#define BUILDER_OWNER_H

#include <stdint.h>

#include "builder/sandbox/user.h"
#include "store/view.h"

struct owner {
	uint32_t uid;
	uint32_t gid;
};

/*
 * --chown: "user[:group]" in `root` (NULL: numbers only). A name without a
 * group takes its primary group, a number the same number; "user:" is the
 * group 0. "root" is 0 everywhere. Unknown names are ERROR_DOCKERFILE.
 */
int owner_parse(const char *text, struct view *root, struct owner *ret,
		struct error *err);

/*
 * USER: whom `text` means in `root` (user.h). Without a text it is 0:0, and
 * only its home is looked up.
 */
int owner_of_process(const char *text, struct view *root, struct user *ret,
		     struct error *err);

/*
 * Who owns the directories that WORKDIR makes for the USER `text`. As with
 * --chown, a number without a group is the number of the group, too, and
 * "user:" is the group 0.
 */
int owner_of_workdir(const char *text, struct view *root, struct owner *ret,
		     struct error *err);

#endif
