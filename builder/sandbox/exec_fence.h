/* What may be executed in a container: files of its root and nothing else. */
#ifndef BUILDER_SANDBOX_EXEC_FENCE_H
#define BUILDER_SANDBOX_EXEC_FENCE_H

#include "store/base/error.h"

/*
 * From now on this process and its children execute only what lies below
 * `root`, mounts in it included; files in memory stay executable. The way to
 * the builder's own file that /proc/self/exe is until the exec leads nowhere
 * then, be it as a program or as what interprets one. By Landlock, which also
 * forbids to mount: only for who may not anyway. Needs CAP_SYS_ADMIN or
 * no_new_privs. Kernels without it, or with its first version (which forbids
 * renames between directories), do without; that is success.
 */
int exec_fence_put_up(int root, struct error *err);

#endif
