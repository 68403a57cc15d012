#include "builder/sandbox/exec_fence.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/base/cleanup.h"

/* The first version that can allow renames and links between directories. */
#define VERSION_WITH_REFER 2

#define RIGHTS (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REFER)

int exec_fence_put_up(int root, struct error *err)
{
	const struct landlock_ruleset_attr handled = {
		.handled_access_fs = RIGHTS,
	};
	const struct landlock_path_beneath_attr below = {
		.allowed_access = RIGHTS,
		.parent_fd = root,
	};
	autoclose int rules = -1;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0,
		    LANDLOCK_CREATE_RULESET_VERSION) < VERSION_WITH_REFER)
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &handled,
			     sizeof(handled), 0);
	if (rules < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		    &below, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return error_sys(err, errno,
				 "cannot restrict what is executed");
	return 0;
}
